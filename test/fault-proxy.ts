import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from './free-port.ts'
import { type FlowFault, ProxyFlow } from './proxy-flow.ts'
import { isPush, RedisFrames } from './redis-frames.ts'

export type { FlowFault } from './proxy-flow.ts'

/** Which bytes: requests or answers. */
export type Direction = 'toServer' | 'toClient'

/** How a proxy is started. */
export interface FaultProxyOptions {
  /** The server behind it, on 127.0.0.1. */
  readonly port: number
  /** `redis`: answers are told apart, so that exactly one can be dropped among pipelined ones. @default 'any' */
  readonly protocol?: 'any' | 'redis'
}

/** Which answer to drop. */
export interface DroppedReply {
  /** A request is meant when its bytes contain this text, as it is on the wire. */
  readonly of: string
  /** Which of the requests from now on. @default 1 */
  readonly nth?: number
}

interface Drop {
  readonly of: string
  left: number
  readonly done: () => void
}

/** Starts a proxy on a free port. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = new FaultProxy(options, await freePort())
  await proxy.accept()
  return proxy
}

/** The most of these times, in milliseconds and in order, that lie within one second. */
export function mostPerSecond(times: readonly number[]): number {
  let first = 0
  return times.reduce((most, at, index) => {
    while ((times[first] ?? at) <= at - 1_000) first += 1
    return Math.max(most, index - first + 1)
  }, 0)
}

/** A TCP proxy on 127.0.0.1 with switches for what goes wrong. They work at once, on open connections too. */
export class FaultProxy implements AsyncDisposable {
  readonly port: number
  /** Bytes that went through. */
  readonly bytes: Record<Direction, number> = { toServer: 0, toClient: 0 }
  /** Answers that were dropped. */
  dropped = 0
  /** When each connection was accepted, milliseconds since the epoch. */
  readonly acceptedAt: number[] = []
  readonly #protocol: 'any' | 'redis'
  readonly #connections = new Set<ProxyConnection>()
  readonly #faults: Record<Direction, FlowFault> = { toServer: {}, toClient: {} }
  readonly #drops: Drop[] = []
  #target: number
  #server: Server | undefined

  /** Use {@link startFaultProxy}. */
  constructor({ port, protocol = 'any' }: FaultProxyOptions, ownPort: number) {
    this.#target = port
    this.#protocol = protocol
    this.port = ownPort
  }

  /** `127.0.0.1:<port>`. */
  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#connections.size
  }

  /** The most connections that were accepted within one second. */
  get mostAcceptedPerSecond(): number {
    return mostPerSecond(this.acceptedAt)
  }

  /** What goes wrong in one direction from now on; `{}` nothing any more. */
  set(direction: Direction, fault: FlowFault): void {
    this.#faults[direction] = fault
    for (const connection of this.#connections) connection.set(direction, fault)
  }

  /** Nothing goes wrong any more, and connections are accepted. Those that are broken stay broken. */
  async heal(): Promise<void> {
    this.#drops.length = 0
    this.set('toServer', {})
    this.set('toClient', {})
    await this.accept()
  }

  /** Cuts every open connection. */
  cut(): void {
    for (const connection of this.#connections) connection.destroy()
  }

  /** New connections are refused, as if no server were running; open ones stay. */
  async refuse(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    // `close` calls back only when the open connections are gone, but stops listening at once.
    server?.close()
    if (server !== undefined && this.open === 0) await once(server, 'close')
  }

  /** Accepts connections, again after {@link refuse}. */
  async accept(): Promise<void> {
    if (this.#server !== undefined) return
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#connect(socket))
    this.#server = server
    server.listen(this.port, '127.0.0.1')
    await once(server, 'listening')
  }

  /** New connections lead to another port. */
  retarget(port: number): void {
    this.#target = port
  }

  /**
   * The server does what it is asked, but its answer is dropped and the connection cut. Resolves when that has happened.
   * With the protocol `any` that is whatever the server sends next on the connection.
   */
  dropReply({ of, nth = 1 }: DroppedReply): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.dropped += 1
        resolve()
      }
      this.#drops.push({ of, left: nth, done })
    })
  }

  /** Refuses and cuts everything, for good. */
  async close(): Promise<void> {
    this.cut()
    await this.refuse()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #connect(client: Socket): void {
    this.acceptedAt.push(Date.now())
    const server = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true })
    const connection = new ProxyConnection(client, server, {
      faults: this.#faults,
      protocol: this.#protocol,
      count: (direction, bytes) => {
        this.bytes[direction] += bytes
      },
      dropOf: (request) => this.#dropOf(request),
    })
    this.#connections.add(connection)
    connection.closed(() => this.#connections.delete(connection))
  }

  #dropOf(request: Buffer): Drop | undefined {
    const meant = this.#drops.filter(({ of }) => request.includes(of))
    for (const drop of meant) drop.left -= 1
    const due = meant.find(({ left }) => left === 0)
    if (due !== undefined) this.#drops.splice(this.#drops.indexOf(due), 1)
    return due
  }
}

interface ConnectionParts {
  readonly faults: Readonly<Record<Direction, FlowFault>>
  readonly protocol: 'any' | 'redis'
  readonly count: (direction: Direction, bytes: number) => void
  readonly dropOf: (request: Buffer) => Drop | undefined
}

/** One client and its way to the server. */
class ProxyConnection {
  readonly #client: Socket
  readonly #server: Socket
  readonly #flows: Readonly<Record<Direction, ProxyFlow>>
  readonly #parts: ConnectionParts
  readonly #requests = new RedisFrames()
  readonly #replies = new RedisFrames()
  /** Of the requests whose answers are outstanding, in order. */
  readonly #outstanding: (Drop | undefined)[] = []

  constructor(client: Socket, server: Socket, parts: ConnectionParts) {
    this.#client = client
    this.#server = server
    this.#parts = parts
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      socket.on('error', () => this.destroy())
      socket.once('close', () => this.destroy())
    }
    this.#flows = {
      toServer: new ProxyFlow(client, server, parts.faults.toServer, {
        allows: (chunk) => this.#request(chunk),
        count: (bytes) => parts.count('toServer', bytes),
      }),
      toClient: new ProxyFlow(server, client, parts.faults.toClient, {
        allows: (chunk) => this.#reply(chunk),
        count: (bytes) => parts.count('toClient', bytes),
      }),
    }
  }

  set(direction: Direction, fault: FlowFault): void {
    this.#flows[direction].set(fault)
  }

  destroy(): void {
    for (const socket of [this.#client, this.#server]) if (!socket.destroyed) socket.resetAndDestroy()
  }

  closed(run: () => void): void {
    this.#client.once('close', run)
  }

  #request(chunk: Buffer): number {
    if (this.#parts.protocol === 'any') {
      const drop = this.#parts.dropOf(chunk)
      if (drop !== undefined) this.#outstanding.push(drop)
    } else {
      for (const request of this.#requests.push(chunk)) this.#outstanding.push(this.#parts.dropOf(request))
    }
    return chunk.length
  }

  /** Answers before the dropped one get through, in the same chunk too. */
  #reply(chunk: Buffer): number {
    if (this.#parts.protocol === 'any') return this.#isDropped() ? 0 : chunk.length
    let end = -this.#replies.pendingBytes
    for (const reply of this.#replies.push(chunk)) {
      if (!isPush(reply) && this.#isDropped()) return Math.max(end, 0)
      end += reply.length
    }
    return chunk.length
  }

  #isDropped(): boolean {
    const drop = this.#outstanding.shift()
    drop?.done()
    return drop !== undefined
  }
}
