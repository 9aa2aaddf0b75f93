package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

type created struct {
	ID         string    `json:"id"`
	Type       string    `json:"type"`
	Status     string    `json:"status"`
	Attempt    int       `json:"attempt"`
	MaxRetries int       `json:"max_retries"`
	TotalSteps int       `json:"total_steps"`
	CreatedAt  time.Time `json:"created_at"`
}

// The shapes of the seed's load tests: JOBS or WORKFLOWS of them, IN_FLIGHT at a time. Exits with 1 when any was not taken.
func load(_ context.Context) {
	w := worker{base: os.Getenv("API_URL")}
	jobs, workflows := number("JOBS"), number("WORKFLOWS")
	var failed, retried atomic.Int64
	next := make(chan func() bool, 1000)
	var running sync.WaitGroup
	start := time.Now()
	for range number("IN_FLIGHT") {
		running.Add(1)
		go func() {
			defer running.Done()
			for send := range next {
				if !send() {
					failed.Add(1)
				}
			}
		}()
	}
	for index := range jobs {
		next <- func() bool { return w.create("/api/v1/jobs", jobBody(index), &retried) }
	}
	for index := range workflows {
		next <- func() bool { return w.create("/api/v1/workflows", workflowBody(index), &retried) }
	}
	close(next)
	running.Wait()
	fmt.Printf("{\"sent\":%d,\"failed\":%d,\"retried\":%d,\"ms\":%d}\n",
		jobs+workflows, failed.Load(), retried.Load(), time.Since(start).Milliseconds())
	if failed.Load() > 0 {
		os.Exit(1)
	}
}

func (w worker) create(path string, body any, retried *atomic.Int64) bool {
	for attempt := range 4 {
		var answer created
		status, err := w.post(path, body, &answer)
		if err == nil && status == http.StatusCreated {
			return len(answer.ID) == 36 && !answer.CreatedAt.IsZero()
		}
		if err == nil && status < 500 {
			return false
		}
		retried.Add(1)
		time.Sleep(time.Duration(50*(attempt+1)) * time.Millisecond)
	}
	return false
}

func jobBody(index int) map[string]any {
	if index%5 == 0 {
		payload := map[string]any{"failure_rate": 0.5, "index": index}
		return map[string]any{"type": "flaky", "payload": payload, "max_retries": 2}
	}
	jobType := []string{"default", "compute", "notify", "transform"}[index%4]
	payload := map[string]any{"load_test": true, "index": index, "iterations": 100}
	return map[string]any{"type": jobType, "payload": payload, "max_retries": 2}
}

func workflowBody(index int) map[string]any {
	table := fmt.Sprintf("events_%d", index%100)
	message := fmt.Sprintf("pipeline-%d complete", index)
	step := func(name, jobType string, payload map[string]any, maxRetries int) map[string]any {
		return map[string]any{"name": name, "type": jobType, "payload": payload, "max_retries": maxRetries}
	}
	return map[string]any{"name": fmt.Sprintf("pipeline-%d", index), "steps": []any{
		step("extract", "transform", map[string]any{"source": "database", "table": table}, 2),
		step("compute", "compute", map[string]any{"iterations": 500, "pipeline_id": index}, 2),
		step("notify", "notify", map[string]any{"channel": "slack", "message": message}, 1),
	}}
}

func number(name string) int {
	value, _ := strconv.Atoi(os.Getenv(name))
	return value
}
