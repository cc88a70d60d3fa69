import { expect, onTestFinished } from 'vitest'
import type { Clock } from '../clock.ts'
import type { LogFields, Logger } from '../log.ts'
import { Transport } from '../transport/transport.ts'
import type { Dispatcher } from '../transport/undici.ts'

/** A request as it would have gone out. */
export interface SentRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** An answer, or how the connection fails. */
export type Answer =
  | {
      readonly status?: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string | Uint8Array | object
      /** The connection breaks after so many bytes of the body. */
      readonly cutAfter?: number
    }
  | 'refused'
  | 'cut'
  | 'silent'

type Route = (request: SentRequest) => Answer | Promise<Answer>

/** Time that moves only when told. */
export class TestClock implements Clock {
  seconds: number
  #steppedSeconds = 0
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>()

  constructor(seconds = 1_800_000_000) {
    this.seconds = seconds
  }

  now(): number {
    return this.seconds + this.#steppedSeconds
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.size
  }

  /** Sets the wall clock; no time passes. */
  step(seconds: number): void {
    this.#steppedSeconds += seconds
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { at: this.seconds + delayMs / 1000, run }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  advance(seconds: number): void {
    this.seconds += seconds
    for (const timer of this.#timers) {
      if (timer.at > this.seconds) continue
      this.#timers.delete(timer)
      timer.run()
    }
  }
}

/** Every server of the world, without a network. A request that nobody expects fails the test. */
export class FakeServer {
  readonly requests: SentRequest[] = []
  readonly logged: (LogFields & { readonly message: string })[] = []
  readonly clock: TestClock
  readonly transport: Transport
  readonly log: Logger
  readonly #routes = new Map<string, Route>()
  readonly #unexpected: string[] = []

  constructor(clock: TestClock = new TestClock()) {
    this.clock = clock
    const dispatcher = { dispatch: this.#dispatch.bind(this) }
    // Transport uses this one method of a dispatcher.
    this.transport = new Transport({ dispatcher: dispatcher as unknown as Dispatcher, clock })
    const write = (fields: LogFields, message: string): void => {
      this.logged.push({ ...fields, message })
    }
    this.log = { debug: write, info: write, warn: write, error: write }
    onTestFinished(() => expect(this.#unexpected).toEqual([]))
  }

  /** Answers every request to `target`, like `POST https://as.example/token` (without its query). */
  on(target: string, answer: Answer | Route): this {
    this.#routes.set(target, typeof answer === 'function' ? answer : () => answer)
    return this
  }

  /** Requests to `target` so far. */
  to(target: string): readonly SentRequest[] {
    return this.requests.filter((request) => targetOf(request) === target)
  }

  #dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const request: SentRequest = {
      method: options.method,
      url: `${options.origin}${options.path}`,
      headers: options.headers as Record<string, string>, // Transport sends a plain record
      body: String(options.body ?? ''),
    }
    this.requests.push(request)
    const route = this.#routes.get(targetOf(request))
    if (route === undefined) {
      this.#unexpected.push(targetOf(request))
      throw new Error('unexpected request')
    }
    void Promise.resolve(route(request)).then((answer) => deliver(answer, handler))
    return true
  }
}

function targetOf({ method, url }: SentRequest): string {
  return `${method} ${url.split('?', 1)[0]}`
}

function deliver(answer: Answer, handler: Dispatcher.DispatchHandler): void {
  const fail = (code: string): void => {
    handler.onResponseError?.(controller, Object.assign(new Error('cause'), { code }))
  }
  // Nothing of a real controller is used but `abort`.
  const controller = { abort: () => fail('UND_ERR_ABORTED') } as unknown as Dispatcher.DispatchController
  if (answer !== 'refused') handler.onRequestStart?.(controller, undefined)
  if (answer === 'refused') fail('ECONNREFUSED')
  else if (answer === 'cut') fail('ECONNRESET')
  else if (answer !== 'silent') respond(answer, controller, handler)
}

function respond(
  answer: Exclude<Answer, string>,
  controller: Dispatcher.DispatchController,
  handler: Dispatcher.DispatchHandler,
): void {
  const { status = 200, headers = {}, body = '', cutAfter } = answer
  const bytes = body instanceof Uint8Array || typeof body === 'string' ? body : JSON.stringify(body)
  handler.onResponseStart?.(controller, status, { 'content-type': 'application/json', ...headers }, '')
  handler.onResponseData?.(controller, Buffer.from(bytes).subarray(0, cutAfter))
  if (cutAfter === undefined) handler.onResponseEnd?.(controller, {})
  else handler.onResponseError?.(controller, Object.assign(new Error('cause'), { code: 'ECONNRESET' }))
}

/** What a rejected promise was rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('The promise was expected to reject.')
}
