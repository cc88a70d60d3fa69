import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AuthorizationServer } from '@latchkey/testing'
import { afterEach } from 'vitest'
import { ownerHeader } from './owner-header.ts'

const running: OwnerCheckingApi[] = []

afterEach(async () => {
  for (const api of running.splice(0)) await api.close()
})

/** Starts an API that holds each token against the user whom the request is made for. It stops at the end of the test. */
export async function startOwnerCheckingApi(): Promise<OwnerCheckingApi> {
  const api = new OwnerCheckingApi()
  await api.listen()
  running.push(api)
  return api
}

/** An API on a loopback port that keeps connections open and counts tokens that came to the wrong place. */
export class OwnerCheckingApi {
  /** Where the tokens come from. */
  authorizationServer: AuthorizationServer | undefined
  readonly counts = { requests: 0, wrongOwner: 0, noOwner: 0, unauthorized: 0, connections: 0 }
  readonly #owners = new Map<string, string>()
  readonly #server: Server

  constructor() {
    this.#server = createServer((req, res) => this.#answer(req, res))
    // Whoever calls closes idle connections; otherwise both might think of it at the same moment.
    this.#server.keepAliveTimeout = 0
    this.#server.on('connection', () => {
      this.counts.connections += 1
    })
  }

  /** `http://127.0.0.1:<port>` */
  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}` // a TCP server has no other kind
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  /** Notes whose the live tokens are. To be called before any of them is ended: a dead one names nobody. */
  learn(): void {
    for (const { accessToken, userId } of this.authorizationServer?.grants() ?? []) {
      if (accessToken !== undefined && userId !== undefined) this.#owners.set(accessToken, userId)
    }
  }

  #answer(req: IncomingMessage, res: ServerResponse): void {
    const token = /^Bearer (.+)$/.exec(req.headers.authorization ?? '')?.[1] ?? ''
    const live = this.authorizationServer?.introspect(token)
    if (live?.userId !== undefined) this.#owners.set(token, live.userId)
    const owner = this.#owners.get(token)
    this.counts.requests += 1
    if (owner === undefined) this.counts.noOwner += 1
    else if (owner !== req.headers[ownerHeader]) this.counts.wrongOwner += 1
    if (live === undefined) this.counts.unauthorized += 1
    req.resume()
    res.writeHead(live === undefined ? 401 : 200, { 'content-type': 'application/json' })
    res.end(JSON.stringify({ owner: owner ?? null }))
  }
}
