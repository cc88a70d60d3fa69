import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterEach } from 'vitest'

/**
 * How a shared cache reads what it is told. `careful` is RFC 9111: it stores only what says for how long, and keeps
 * variants apart by `Vary`. `careless` stores every answer, `Set-Cookie` and all, unless it says `no-store` or
 * `private`, and does not know `Vary`.
 */
export type CacheManners = 'careful' | 'careless'

interface Stored {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: Buffer
  /** The request headers that `Vary` names, as they were. */
  readonly varied: IncomingHttpHeaders
}

const running: CachingProxy[] = []

afterEach(async () => {
  for (const proxy of running.splice(0)) await proxy.close()
})

/** Starts a shared cache on loopback; `target` is set once the app listens. It stops at the end of the test. */
export async function startCachingProxy(manners: CacheManners): Promise<CachingProxy> {
  const proxy = new CachingProxy(manners)
  await proxy.listen()
  running.push(proxy)
  return proxy
}

/** A reverse proxy with a shared cache in which nothing expires. Its answers say `x-cache: hit` or `miss`. */
export class CachingProxy {
  /** Where the app listens. */
  target = ''
  readonly #manners: CacheManners
  readonly #server: Server
  readonly #stored = new Map<string, Stored[]>()

  constructor(manners: CacheManners) {
    this.#manners = manners
    this.#server = createServer((req, res) => {
      this.#serve(req, res).catch((error: unknown) => res.destroy(error as Error)) // the test sees a cut connection
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

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const key = `${req.method} ${req.url}`
    const variants = this.#stored.get(key) ?? []
    const hit = variants.find(({ varied }) =>
      Object.entries(varied).every(([name, value]) => req.headers[name] === value),
    )
    if (hit !== undefined) return answer(res, hit, 'hit')
    const fresh = await this.#forward(req)
    if (fresh === undefined) return void res.destroy()
    if (this.#mayStore(req, fresh)) this.#stored.set(key, [...variants, fresh])
    answer(res, fresh, 'miss')
  }

  async #forward(req: IncomingMessage): Promise<Stored | undefined> {
    const outgoing = request(this.target + req.url, {
      method: req.method ?? 'GET',
      headers: req.headers,
      agent: false,
    })
    outgoing.end(await buffer(req))
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve).once('error', reject)
    })
    const names = (response.headers.vary ?? '').split(',').map((name) => name.trim().toLowerCase())
    const read = this.#manners === 'careful' ? names.filter((name) => name !== '') : []
    return {
      status: response.statusCode ?? 0,
      headers: response.rawHeaders,
      body: await buffer(response),
      varied: Object.fromEntries(read.map((name) => [name, req.headers[name]])),
    }
  }

  /** RFC 9111 §3; the careless one reads no further than the first line of it. */
  #mayStore(req: IncomingMessage, { headers, status }: Stored): boolean {
    const control = headerOf(headers, 'cache-control')
    if (req.method !== 'GET' || /(?:^|[\s,])(?:no-store|private)(?:$|[\s,])/i.test(control)) return false
    if (this.#manners === 'careless') return true
    if (status === 206 || headerOf(headers, 'vary').includes('*')) return false
    return /(?:max-age|s-maxage)=[1-9]/i.test(control)
  }
}

function answer(res: ServerResponse, { status, headers, body }: Stored, outcome: 'hit' | 'miss'): void {
  res.writeHead(status, [...headers, 'x-cache', outcome])
  res.end(body)
}

function headerOf(headers: readonly string[], name: string): string {
  return headers
    .filter((_, index) => headers[index - 1]?.toLowerCase() === name && index % 2 === 1)
    .join(', ')
}
