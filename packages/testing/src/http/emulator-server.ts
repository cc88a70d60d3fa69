import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TimeSource } from '../clock.ts'
import { type Behaviour, Faults } from './faults.ts'
import { commits, pause, rewritten, send } from './faulty-answer.ts'
import { pathOf, type ReceivedRequest, receive } from './received-request.ts'
import { type Reply, text } from './reply.ts'

/** A load test must not fill the memory with its own log. */
const MAX_LOGGED = 10_000

/** One endpoint of an emulated server. */
export interface Route<Endpoint extends string, B extends Behaviour = Behaviour> {
  readonly endpoint: Endpoint
  readonly methods: readonly string[]
  /** A path, or a test of the path. */
  readonly path: string | RegExp
  /** Does what is asked, all at once, and returns the answer. */
  readonly handle: (request: ReceivedRequest, behaviour: B | undefined) => Reply | Promise<Reply>
}

/** How an emulated server listens. */
export interface EmulatorServerOptions<Endpoint extends string, B extends Behaviour> {
  readonly routes: readonly Route<Endpoint, B>[]
  readonly clock: TimeSource
  /** 0 or absent: any free port. */
  readonly port?: number | undefined
  /** Sees every request on arrival, before any fault. */
  readonly onRequest?: (request: ReceivedRequest) => void
}

/** A real HTTP server on 127.0.0.1 with named endpoints, a request log, call counters and fault switches. */
export class EmulatorServer<Endpoint extends string, B extends Behaviour = Behaviour> {
  /** Fault switches by endpoint. */
  readonly faults: Faults<Endpoint, B> = new Faults<Endpoint, B>()
  /** How many requests reached each endpoint, counted on arrival. */
  readonly calls: Record<Endpoint, number>
  /** The last 10,000 requests in order of arrival, `unknown` endpoints too. */
  readonly requests: ReceivedRequest[] = []
  readonly #routes: readonly Route<Endpoint, B>[]
  readonly #clock: TimeSource
  readonly #server: Server
  readonly #onRequest: ((request: ReceivedRequest) => void) | undefined
  #origin = ''

  /** Not listening yet; `listen` starts it. */
  constructor(options: Omit<EmulatorServerOptions<Endpoint, B>, 'port'>) {
    this.#routes = options.routes
    this.#clock = options.clock
    this.#onRequest = options.onRequest
    // Every route's endpoint is a key from here on, and no other.
    this.calls = Object.fromEntries(options.routes.map((route) => [route.endpoint, 0])) as Record<
      Endpoint,
      number
    >
    this.#server = createServer((message, response) => {
      this.#serve(message, response).catch((error: unknown) => fail(response, error))
    })
  }

  /** `http://127.0.0.1:<port>`, once it listens. */
  get origin(): string {
    return this.#origin
  }

  /** Starts to listen on 127.0.0.1. @throws Error when the port is taken */
  async listen(port = 0): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, '127.0.0.1', resolve)
    })
    // A TCP server that listens has an AddressInfo; a string is for pipes.
    this.#origin = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Stops at once: held calls are let go, open connections are cut. */
  async close(): Promise<void> {
    this.faults.clear()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = pathOf(message.url ?? '/')
    const here = this.#routes.filter((route) => matches(route.path, path))
    const route = here.find((candidate) => candidate.methods.includes(message.method ?? 'GET'))
    const request = await receive(message, route?.endpoint ?? 'unknown', this.#clock.now())
    this.requests.push(request)
    if (this.requests.length > MAX_LOGGED) this.requests.shift()
    this.#onRequest?.(request)
    if (route === undefined) {
      const status = here.length > 0 ? 405 : 404
      return send(response, text(status, status === 405 ? 'Method Not Allowed' : 'Not Found'), {})
    }
    this.calls[route.endpoint]++
    await this.#answer(route, request, response)
  }

  async #answer(
    route: Route<Endpoint, B>,
    request: ReceivedRequest,
    response: ServerResponse,
  ): Promise<void> {
    const taken = this.faults.take(route.endpoint, request)
    const behaviour: Behaviour = taken ?? {}
    await this.faults.pass(route.endpoint, 'beforeCommit')
    await pause(behaviour.delayBeforeCommitMs)
    if (behaviour.dropBeforeCommit === true) return void response.destroy()
    const empty: Reply = { status: 200, headers: {}, body: Buffer.alloc(0) }
    const reply = commits(behaviour) ? await route.handle(request, taken) : empty
    await this.faults.pass(route.endpoint, 'afterCommit')
    await pause(behaviour.delayAfterCommitMs)
    if (behaviour.dropAfterCommit === true) return void response.destroy()
    if (behaviour.noHeaders === true) return
    await send(response, rewritten(reply, behaviour), behaviour)
  }
}

function matches(pattern: string | RegExp, path: string): boolean {
  return typeof pattern === 'string' ? pattern === path : pattern.test(path)
}

/** A defect of the emulator or of a test's own function must be seen, so it is an answer and a line on stderr. */
function fail(response: ServerResponse, error: unknown): void {
  if (response.destroyed || response.headersSent) return void response.destroy()
  console.error(error)
  response.writeHead(500, { 'content-type': 'text/plain' })
  response.end('The emulator failed; see its log.')
}
