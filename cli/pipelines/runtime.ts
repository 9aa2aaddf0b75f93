import type { BusDelivery, ConsumerSpec, EventBus } from '../../engine/ports/event-bus.ts';
import { consumerDefaults } from '../../engine/ports/event-bus.ts';
import { Brokers, wrong } from './brokers.ts';
import { type Consuming, consumerOfTrigger, declaredConsumers } from './consumers.ts';
import { Inbox } from './inbox.ts';
import type { ProviderDeps } from './providers.ts';
import type { Pipeline, PipelineFile, Step } from './schema.ts';
import { render, type Scope } from './templates.ts';

type Module = PipelineFile['modules'][number];

interface DeclaredConsumer {
  readonly bus: EventBus;
  readonly spec: ConsumerSpec;
}

const MAX_BATCH = 1_000;

/**
 * Runs what a pipeline file declares: opens its brokers, declares streams and consumers, and runs a pipeline for each message
 * of its trigger, or when it is called.
 */
export class PipelineRuntime {
  readonly #file: PipelineFile;
  readonly #deps: ProviderDeps;
  readonly #brokers: Brokers;
  readonly #consumers = new Map<string, DeclaredConsumer>();
  readonly #inboxes = new Map<string, Inbox>();
  /** What was delivered and not settled by now, by its token. */
  readonly #open = new Map<string, BusDelivery>();
  readonly #ended = new AbortController();
  readonly #triggers: Promise<void>[] = [];

  static async start(file: PipelineFile, deps: ProviderDeps): Promise<PipelineRuntime> {
    const runtime = new PipelineRuntime(file, deps);
    try {
      await runtime.#start();
      return runtime;
    } catch (error) {
      await runtime.stop();
      throw error;
    }
  }

  private constructor(file: PipelineFile, deps: ProviderDeps) {
    this.#file = file;
    this.#deps = deps;
    this.#brokers = new Brokers(deps);
  }

  /** Runs a pipeline's steps once. @returns what each step gave, by its name */
  async run(name: string, input: unknown): Promise<Readonly<Record<string, unknown>>> {
    const pipeline = this.#file.pipelines[name];
    if (!pipeline) throw wrong(`There is no pipeline ${name}.`);
    return this.#runSteps(pipeline, { input });
  }

  /** Resolves once what was under way has ended. Safe to call twice. */
  async stop(): Promise<void> {
    this.#ended.abort();
    await Promise.allSettled(this.#triggers);
    await Promise.allSettled([...this.#inboxes.values()].map((inbox) => inbox.end()));
    await this.#brokers.close();
  }

  async #start(): Promise<void> {
    await this.#brokers.open(this.#file);
    for (const module of this.#file.modules) {
      if (module.type === 'eventbus.stream') await this.#declareStream(module);
    }
    for (const { module, config } of declaredConsumers(this.#file))
      await this.#declareConsumer(module, config);
    for (const [name, pipeline] of Object.entries(this.#file.pipelines)) {
      if (pipeline.trigger) await this.#subscribe(name, pipeline, pipeline.trigger);
    }
  }

  async #declareStream({ name, config }: Extract<Module, { type: 'eventbus.stream' }>): Promise<void> {
    const bus = this.#brokers.bus(config.broker_ref, name);
    if (config.max_bytes !== undefined) {
      this.#deps.logger.warn('a stream is kept by age, not by size: max_bytes changes nothing, set max_age', {
        stream: name,
      });
    }
    const maxAge = config.max_age === undefined ? {} : { maxAgeMs: config.max_age };
    await bus.ensureStream({ name: config.name, subjects: config.subjects, ...maxAge });
  }

  async #declareConsumer(module: string, config: Consuming): Promise<DeclaredConsumer> {
    const bus = this.#brokers.bus(config.broker_ref, module);
    const spec: ConsumerSpec = {
      stream: config.stream_name,
      name: config.name,
      ...(config.filter_subject !== undefined && { filterSubject: config.filter_subject }),
      ...(config.ack_wait !== undefined && { ackWaitMs: config.ack_wait }),
      ...(config.max_deliver !== undefined && { maxDeliver: config.max_deliver }),
      ...(config.max_ack_pending !== undefined && { maxPending: config.max_ack_pending }),
    };
    await bus.ensureConsumer(spec);
    const declared = { bus, spec };
    this.#consumers.set(module, declared);
    return declared;
  }

  async #subscribe(
    name: string,
    pipeline: Pipeline,
    trigger: NonNullable<Pipeline['trigger']>,
  ): Promise<void> {
    const { module, config } = consumerOfTrigger(this.#file, name, trigger);
    const { bus, spec } = this.#consumers.get(module) ?? (await this.#declareConsumer(module, config));
    this.#triggers.push(
      bus.subscribe(spec, (delivery) => this.#runFor(pipeline, spec, delivery), this.#ended.signal),
    );
  }

  /** Acknowledged at the end, unless a step has done so; a step that fails brings the message again. */
  async #runFor(pipeline: Pipeline, spec: ConsumerSpec, delivery: BusDelivery): Promise<void> {
    const message = this.#view(spec, delivery);
    try {
      await this.#runSteps(pipeline, { input: message.json, message, nats: { message } });
      if (this.#open.delete(message.ack_token)) await delivery.ack();
    } finally {
      this.#open.delete(message.ack_token);
    }
  }

  async #runSteps(pipeline: Pipeline, scope: Scope): Promise<Record<string, unknown>> {
    const steps: Record<string, unknown> = {};
    for (const step of pipeline.steps) steps[step.name] = await this.#runStep(step, { ...scope, steps });
    return steps;
  }

  async #runStep(step: Step, scope: Scope): Promise<unknown> {
    switch (step.type) {
      case 'step.eventbus.publish':
        return this.#publish(step, scope);
      case 'step.eventbus.consume':
        return this.#consume(step);
      case 'step.eventbus.ack':
        return this.#ack(await render(step.config.ack_token, scope));
      default:
        return step satisfies never;
    }
  }

  async #publish({ name, config }: Extract<Step, { type: 'step.eventbus.publish' }>, scope: Scope) {
    const headers: Record<string, string> = {};
    for (const [header, template] of Object.entries(config.headers ?? {})) {
      headers[header] = await render(template, scope);
    }
    if (config.correlation_id !== undefined) {
      headers['X-Correlation-Id'] = await render(config.correlation_id, scope);
    }
    const [sequence] = await this.#brokers.bus(config.broker_ref, name).publish([
      {
        subject: await render(config.subject, scope),
        payload: Buffer.from(await render(config.payload, scope)),
        headers,
        ...(config.key !== undefined && { key: await render(config.key, scope) }),
      },
    ]);
    return { sequence: String(sequence), acked_at: this.#deps.clock.now().toISOString() };
  }

  async #consume({ config }: Extract<Step, { type: 'step.eventbus.consume' }>) {
    const declared = this.#consumers.get(config.consumer);
    if (!declared) throw wrong(`There is no consumer ${config.consumer}. Declare it among the modules.`);
    const { bus, spec } = declared;
    const ackWaitMs = spec.ackWaitMs ?? consumerDefaults.ackWaitMs;
    const inbox =
      this.#inboxes.get(config.consumer) ?? new Inbox(bus, spec, { clock: this.#deps.clock, ackWaitMs });
    this.#inboxes.set(config.consumer, inbox);
    const taken = await inbox.take(Math.min(Math.max(config.batch_size, 1), MAX_BATCH), config.max_wait);
    return { messages: taken.map((delivery) => this.#view(spec, delivery)) };
  }

  async #ack(token: string) {
    const delivery = this.#open.get(token);
    if (!delivery) throw wrong(`The ack token ${token} names no message that is open here.`);
    this.#open.delete(token);
    await delivery.ack();
    return {};
  }

  #view({ stream, name }: ConsumerSpec, delivery: BusDelivery) {
    const { subject, key, headers, sequence, publishedAt, deliveryCount } = delivery;
    const payload = delivery.payload.toString();
    const token = (count: number): string => `${stream}:${name}:${sequence}:${count}`;
    const ack_token = token(deliveryCount);
    // What has come again is not in the hands of whoever had it before.
    this.#open.delete(token(deliveryCount - 1));
    this.#open.set(ack_token, delivery);
    return {
      subject,
      key,
      headers,
      payload,
      json: parsed(payload),
      sequence: String(sequence),
      published_at: publishedAt.toISOString(),
      delivery_count: deliveryCount,
      ack_token,
    };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
