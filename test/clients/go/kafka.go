package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// One consumer for each job type, in its group; nothing is claimed, and what was handled is committed.
func (w worker) consume(ctx context.Context, types, brokers []string) {
	var running sync.WaitGroup
	for _, jobType := range types {
		consumer, err := kgo.NewClient(
			kgo.SeedBrokers(brokers...),
			kgo.ConsumerGroup("workflow.workers."+jobType),
			kgo.ConsumeTopics("workflow.jobs."+jobType),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.Balancers(kgo.CooperativeStickyBalancer()),
			kgo.DisableAutoCommit(),
		)
		if err != nil {
			panic(err)
		}
		running.Add(1)
		go func() {
			defer running.Done()
			defer consumer.Close()
			w.take(ctx, consumer)
		}()
	}
	fmt.Println("ready")
	running.Wait()
}

func (w worker) take(ctx context.Context, consumer *kgo.Client) {
	seen := map[string]bool{}
	for ctx.Err() == nil {
		fetches := consumer.PollFetches(ctx)
		fetches.EachRecord(func(record *kgo.Record) {
			j, dedupID := decode(record.Value)
			if seen[dedupID] {
				return
			}
			seen[dedupID] = true
			w.run(j)
		})
		if err := consumer.CommitUncommittedOffsets(ctx); err != nil && ctx.Err() == nil {
			fmt.Println("commit failed", err)
		}
	}
}

// The fields of workflow.v1.JobDispatchEvent that a worker reads; others are passed over.
func decode(value []byte) (job, string) {
	var (
		decoded job
		dedupID string
	)
	for len(value) > 0 {
		tag, size := binary.Uvarint(value)
		value = value[size:]
		number, size := binary.Uvarint(value)
		value = value[size:]
		var content []byte
		if tag&7 == 2 {
			content, value = value[:number], value[number:]
		}
		switch tag >> 3 {
		case 2:
			dedupID = string(content)
		case 10:
			decoded.ID = string(content)
		case 11:
			decoded.InstanceID = string(content)
		case 12:
			decoded.StepExecutionID = string(content)
		case 13:
			decoded.JobType = string(content)
		case 20:
			decoded.RetriesRemaining = int(int32(number))
		case 30:
			if err := json.Unmarshal(content, &decoded.Variables); err != nil {
				panic(err)
			}
		}
	}
	return decoded, dedupID
}
