package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

type job struct {
	ID               string         `json:"id"`
	JobType          string         `json:"jobType"`
	InstanceID       string         `json:"instanceId"`
	StepExecutionID  string         `json:"stepExecutionId"`
	RetriesRemaining int            `json:"retriesRemaining"`
	Variables        map[string]any `json:"variables"`
	LockExpiresAt    *time.Time     `json:"lockExpiresAt"`
}

type worker struct {
	base string
	id   string
}

const (
	pollEvery = 500 * time.Millisecond
	maxJobs   = 64
)

// Polls by the clock, whatever the last poll gave.
func (w worker) poll(ctx context.Context, types []string) {
	fmt.Println("ready")
	slots := make(chan struct{}, maxJobs)
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	var running sync.WaitGroup
	for ctx.Err() == nil {
		var answer struct {
			Jobs []job `json:"jobs"`
		}
		body := map[string]any{"workerId": w.id, "jobTypes": types, "maxJobs": maxJobs}
		if status, err := w.post("/v1/jobs/poll", body, &answer); err != nil || status != http.StatusOK {
			fmt.Println("poll failed", status, err)
		}
		for _, taken := range answer.Jobs {
			slots <- struct{}{}
			running.Add(1)
			go func() {
				defer func() { <-slots; running.Done() }()
				w.run(taken)
			}()
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	running.Wait()
}

func (w worker) run(j job) {
	fmt.Println("ran", j.ID)
	if j.Variables["flaky"] == true && j.RetriesRemaining == 2 {
		w.tell(j.ID, "fail", map[string]any{"workerId": w.id, "errorMessage": "not the first time", "retryable": true})
		return
	}
	w.tell(j.ID, "complete", map[string]any{"workerId": w.id, "variables": map[string]any{j.JobType: w.id}})
}

// A result that cannot be told is lost to this worker.
func (w worker) tell(id, verb string, body map[string]any) {
	status, err := w.post("/v1/jobs/"+id+"/"+verb, body, nil)
	if err != nil || (status != http.StatusOK && status != http.StatusNoContent) {
		fmt.Println(verb, "failed", status, err)
	}
}

var client = http.Client{
	Timeout:   30 * time.Second,
	Transport: &http.Transport{MaxConnsPerHost: 400, MaxIdleConnsPerHost: 400},
}

func (w worker) post(path string, body any, answer any) (int, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	response, err := client.Post(w.base+path, "application/json", bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if answer != nil && response.StatusCode < 300 {
		err = json.NewDecoder(response.Body).Decode(answer)
	}
	return response.StatusCode, err
}
