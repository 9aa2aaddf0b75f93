// A worker and a client written from the contracts of the Rochallor engine and of the engine seed: what a team's own program
// does, and nothing that knows Millrace.
package main

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if os.Getenv("CLIENT") == "load" {
		load(ctx)
		return
	}
	types := strings.Split(os.Getenv("JOB_TYPES"), ",")
	w := worker{base: os.Getenv("ENGINE_REST_URL"), id: os.Getenv("WORKER_ID")}
	if os.Getenv("WE_DISPATCH_MODE") == "kafka_outbox" {
		w.consume(ctx, types, strings.Split(os.Getenv("WE_KAFKA_SEED_BROKERS"), ","))
	} else {
		w.poll(ctx, types)
	}
}
