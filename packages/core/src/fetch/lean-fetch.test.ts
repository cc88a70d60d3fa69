import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { oauthProvider } from '../protocol/provider.fixture.ts'
import { listen, until } from '../transport/loopback.fixture.ts'
import { Agent } from '../transport/undici.ts'
import { authorizedFetch } from './authorized-fetch.ts'
import { isNodesFetch } from './nodes-fetch.ts'
import { resourceServerOf } from './resource-server.ts'
import type { TokenBearer } from './token-bearer.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

type Way = 'lean' | 'platform'

/** Calls of {@link authorizedFetch} on a server, made by the platform's fetch or without it. */
async function callsOf(handler: RequestListener, options: ConstructorParameters<typeof Agent>[0] = {}) {
  const { url, sockets } = await listen(handler)
  const agent = new Agent(options)
  onTestFinished(() => agent.destroy())
  const bearer: TokenBearer = {
    ...resourceServerOf(oauthProvider({ resourceOrigins: [url] })),
    dispatcher: agent,
    fresh: async () => ({ accessToken: 'token-1', tokenType: 'Bearer', receivedAt: 0, scope: [] }),
  }
  const call = (way: Way, path: string, init?: RequestInit): Promise<Response> => {
    const own = globalThis.fetch
    if (way === 'platform') vi.stubGlobal('fetch', (...args: Parameters<typeof fetch>) => own(...args))
    return authorizedFetch(bearer, url + path, init).finally(() => vi.unstubAllGlobals())
  }
  return { url, sockets, call }
}

async function bodyOf(req: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of req.setEncoding('latin1')) text += chunk
  return text
}

/** What a server sees of a request, headers in any order. */
async function seen(req: IncomingMessage): Promise<unknown> {
  const headers: string[] = []
  for (let index = 0; index < req.rawHeaders.length; index += 2) {
    headers.push(`${req.rawHeaders[index]?.toLowerCase()}: ${req.rawHeaders[index + 1]}`)
  }
  return { method: req.method, url: req.url, headers: headers.sort(), body: await bodyOf(req) }
}

/** What a caller sees of a call. */
async function outcome(calling: Promise<Response>): Promise<unknown> {
  try {
    const response = await calling
    const { status, statusText, ok, url, type, redirected } = response
    const head = { status, statusText, ok, url, type, redirected, headers: [...response.headers] }
    const hasBody = response.body !== null
    const text = await response.text().catch(describeError)
    return { ...head, hasBody, text, bodyUsed: response.bodyUsed }
  } catch (error) {
    return describeError(error)
  }
}

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { thrown: error }
  const { name, message, cause } = error
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return { name, message, code }
}

const text = 'Grüße, '.repeat(50)
const long = 'x'.repeat(1_000_000)

describe('the request', () => {
  it.each<[string, RequestInit]>([
    ['a plain call', {}],
    ['headers of the caller', { headers: { accept: 'application/json', 'user-agent': 'app', 'x-a': ' b ' } }],
    [
      'a header twice',
      {
        headers: [
          ['x-a', '1'],
          ['X-A', '2'],
          ['cookie', 'a=1'],
          ['cookie', 'b=2'],
        ],
      },
    ],
    ['headers beyond ASCII', { headers: { 'x-name': 'Gr\xfc\xdfe' } }],
    [
      'headers that fetch has its own mind about',
      { headers: { 'sec-fetch-mode': 'navigate', 'accept-language': 'de' } },
    ],
    ['a range', { headers: { range: 'bytes=0-9' } }],
    ['HEAD', { method: 'HEAD' }],
    ['OPTIONS', { method: 'OPTIONS' }],
    ['DELETE without a body', { method: 'DELETE' }],
    ['POST without a body', { method: 'POST' }],
    ['PUT without a body', { method: 'PUT' }],
    ['text', { method: 'POST', body: text }],
    ['no text', { method: 'POST', body: '' }],
    ['text with a type', { method: 'PATCH', body: '{}', headers: { 'content-type': 'application/json' } }],
    ['a form', { method: 'POST', body: new URLSearchParams({ a: 'b c', d: 'ü' }) }],
    ['bytes', { method: 'PUT', body: new Uint8Array([1, 2, 255]) }],
    ['a buffer', { method: 'PUT', body: new Uint8Array([1, 2, 255]).buffer }],
    ['DELETE with a body', { method: 'DELETE', body: 'x' }],
    ['a lower-case method', { method: 'post', body: 'x' }],
    ['a signal', { signal: new AbortController().signal }],
  ])('is the one that the platform sends: %s', async (_name, init) => {
    const requests: unknown[] = []
    const { call } = await callsOf(async (req, res) => {
      requests.push(await seen(req))
      res.end()
    })
    for (const way of ['lean', 'platform'] as const) await (await call(way, '/a%20b?c=d#e', init)).text()
    expect(requests[0]).toEqual(requests[1])
    expect(requests[0]).toMatchObject({ url: '/a%20b?c=d' })
  })
})

/** Writes an answer byte for byte. */
function raw(res: ServerResponse, answer: string, end = true): void {
  res.socket?.[end ? 'end' : 'write'](Buffer.from(answer, 'latin1'))
}

function encoded(coding: string, bytes: Uint8Array) {
  return (_req: IncomingMessage, res: ServerResponse): void => {
    res.setHeader('content-encoding', coding).end(bytes)
  }
}

describe('the response', () => {
  it.each<[string, RequestListener, RequestInit?]>([
    ['text', (_req, res) => void res.setHeader('x-a', ['1', '2']).end(text)],
    ['cookies', (_req, res) => void res.setHeader('set-cookie', ['a=1', 'b=2']).end()],
    ['a megabyte', (_req, res) => void res.end(long)],
    ['nothing', (_req, res) => void res.end()],
    ['201', (_req, res) => void res.writeHead(201).end('made')],
    ['204', (_req, res) => void res.writeHead(204).end()],
    ['205', (_req, res) => void res.writeHead(205).end()],
    ['304', (_req, res) => void res.writeHead(304, { etag: '"1"' }).end()],
    ['303', (_req, res) => void res.writeHead(303, { location: '/b' }).end('elsewhere')],
    ['400', (_req, res) => void res.writeHead(400).end('no')],
    ['503', (_req, res) => void res.writeHead(503, { 'retry-after': '1' }).end('later')],
    [
      'the answer to HEAD',
      (_req, res) => void res.setHeader('content-length', '9').end(),
      { method: 'HEAD' },
    ],
    ['HEAD of something encoded', encoded('gzip', new Uint8Array()), { method: 'HEAD' }],
    [
      'an early hint before',
      (_req, res) => res.writeEarlyHints({ link: '</a>; rel=preload' }, () => res.end('late')),
    ],
    ['a reason of its own', (_req, res) => raw(res, 'HTTP/1.1 200 Gar nicht\r\ncontent-length: 2\r\n\r\nok')],
    ['no reason', (_req, res) => raw(res, 'HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok')],
    ['a status of its own', (_req, res) => raw(res, 'HTTP/1.1 999 Denied\r\ncontent-length: 2\r\n\r\nno')],
    [
      'headers beyond ASCII',
      (_req, res) => raw(res, 'HTTP/1.1 200 OK\r\nx-name: Gr\xfc\xdfe\r\ncontent-length: 0\r\n\r\n'),
    ],
    ['no length', (_req, res) => raw(res, 'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end')],
    ['gzip', encoded('gzip', gzipSync(text))],
    ['x-gzip', encoded('X-GZIP', gzipSync(text))],
    ['deflate', encoded('deflate', deflateSync(text))],
    ['bare deflate', encoded('deflate', deflateRawSync(text))],
    ['br', encoded('br', brotliCompressSync(text))],
    ['zstd', encoded('zstd', zstdCompressSync(text))],
    ['two codings', encoded('gzip, br', brotliCompressSync(gzipSync(text)))],
    ['deflate of gzip', encoded('gzip,deflate', deflateSync(gzipSync(text)))],
    ['six codings', encoded('br,br,br,br,br,br', new Uint8Array(9))],
    ['another coding', encoded('rot13', Buffer.from('uryyb'))],
    ['a known and another coding', encoded('rot13, gzip', gzipSync('uryyb'))],
    ['a megabyte in gzip', encoded('gzip', gzipSync(long))],
    ['a megabyte in deflate', encoded('deflate', deflateSync(long))],
    ['a megabyte in two codings', encoded('gzip, br', brotliCompressSync(gzipSync(long)))],
    ['gzip of nothing', encoded('gzip', new Uint8Array())],
    ['deflate of nothing', encoded('deflate', new Uint8Array())],
    ['gzip that ends early', encoded('gzip', gzipSync(text).subarray(0, -9))],
    ['no gzip after all', encoded('gzip', Buffer.from('plain text'))],
    ['no deflate after all', encoded('deflate', Buffer.from('plain text'))],
    ['a cut head', (_req, res) => raw(res, 'HTTP/1.1 200 OK\r\ncontent-le')],
    ['no HTTP', (_req, res) => raw(res, 'hello\r\n\r\n')],
    ['no answer', (_req, res) => void res.socket?.destroy()],
    ['a cut body', (_req, res) => raw(res, 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf')],
    [
      'a cut encoded body',
      (_req, res) => {
        const half = gzipSync(text).subarray(0, 20).toString('latin1')
        raw(res, `HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 99\r\n\r\n${half}`)
      },
    ],
    ['a header that fetch refuses', (_req, res) => void res.end(), { headers: { expect: '100-continue' } }],
    ['GET with a body', (_req, res) => void res.end(), { body: 'x' }],
    ['a method that fetch refuses', (_req, res) => void res.end(), { method: 'TRACE' }],
    ['no signal', (_req, res) => void res.end(), { signal: {} as AbortSignal }],
    [
      'redirect: error',
      (_req, res) => void res.writeHead(302, { location: '/' }).end(),
      { redirect: 'error' },
    ],
  ])('is the one that the platform gives: %s', async (_name, handler, init) => {
    const { call, url } = await callsOf((req, res) => {
      res.sendDate = false
      handler(req, res)
    })
    const lean = await outcome(call('lean', '/path?q=1#part', init))
    expect(lean).toEqual(await outcome(call('platform', '/path?q=1#part', init)))
    expect(lean).toSatisfy((one: { url?: string }) => one.url === undefined || one.url === `${url}/path?q=1`)
  })

  it('is the platform’s class, and so is its copy', async () => {
    const { call, url } = await callsOf((_req, res) => void res.writeHead(201, { 'x-a': 'b' }).end(text))
    const response = await call('lean', '/#part')
    const copy = response.clone()
    expect([response, copy]).toEqual([expect.any(Response), expect.any(Response)])
    expect([copy.url, copy.status, copy.headers.get('x-a')]).toEqual([`${url}/`, 201, 'b'])
    expect([await response.text(), await copy.text()]).toEqual([text, text])
    expect(() => response.clone()).toThrow(TypeError)
  })

  it('can be read into a buffer of the reader’s own', async () => {
    const { call } = await callsOf((_req, res) => void res.end('abc'))
    const reader = (await call('lean', '/')).body?.getReader({ mode: 'byob' })
    const first = await reader?.read(new Uint8Array(2))
    const second = await reader?.read(new Uint8Array(2))
    const last = await reader?.read(new Uint8Array(2))
    expect(
      Buffer.concat(
        [first?.value ?? [], second?.value ?? []].map((part) => Uint8Array.from(part)),
      ).toString(),
    ).toBe('abc')
    expect(last?.done).toBe(true)
  })

  it('comes before its body has ended', async () => {
    let end = (): void => {}
    const { call } = await callsOf((_req, res) => {
      res.write('first')
      end = () => res.end(' last')
    })
    const response = await call('lean', '/')
    end()
    expect(await response.text()).toBe('first last')
  })

  it('slows the server down while nobody reads, and loses nothing', async () => {
    const total = 64 * 1024 * 1024
    let sent = 0
    const { call } = await callsOf(async (_req, res) => {
      const piece = Buffer.alloc(65_536, 'a')
      while (sent < total) {
        sent += piece.length
        if (!res.write(piece)) await new Promise((resolve) => res.once('drain', resolve))
      }
      res.end()
    })
    const response = await call('lean', '/')
    // It stands still once no write went through for some turns of a running event loop.
    let last = -1
    await until(() => {
      const stands = sent === last && sent > 0
      last = sent
      return stands
    })
    expect(sent).toBeLessThan(total)
    expect((await response.arrayBuffer()).byteLength).toBe(total)
  })
})

describe('an abort', () => {
  it.each(['lean', 'platform'] as const)('before the head rejects the call: %s', async (way) => {
    const { call, sockets } = await callsOf(() => {})
    const controller = new AbortController()
    const calling = call(way, '/', { signal: controller.signal })
    await until(() => sockets.size === 1)
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(calling).rejects.toBe(reason)
    await until(() => sockets.size === 0)
  })

  it.each(['lean', 'platform'] as const)('within the body fails its reading: %s', async (way) => {
    const { call, sockets } = await callsOf((_req, res) => void res.write('first'))
    const controller = new AbortController()
    const response = await call(way, '/', { signal: controller.signal })
    const reading = response.text()
    controller.abort()
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' })
    await until(() => sockets.size === 0)
  })

  it('of a call that waits for a connection ends that one only', async () => {
    const held: ServerResponse[] = []
    const { call } = await callsOf((_req, res) => void held.push(res), { connections: 1 })
    const controller = new AbortController()
    const first = call('lean', '/')
    const second = call('lean', '/', { signal: controller.signal })
    const third = call('lean', '/')
    await until(() => held.length === 1)
    controller.abort()
    await expect(second).rejects.toMatchObject({ name: 'AbortError' })
    held[0]?.end('first')
    await until(() => held.length === 2)
    held[1]?.end('third')
    expect(await (await first).text()).toBe('first')
    expect(await (await third).text()).toBe('third')
  })

  it('of a read that nobody wants lets go of the connection', async () => {
    const { call, sockets } = await callsOf((_req, res) => void res.write('first'))
    const response = await call('lean', '/')
    await response.body?.cancel()
    await until(() => sockets.size === 0)
    await expect(response.text()).rejects.toThrow(TypeError)
  })
})

describe('a response that nobody has any more', () => {
  it('gives its connection back, however long it is', async () => {
    const endless = new Uint8Array(1024 * 1024)
    const { call, sockets } = await callsOf((_req, res) => {
      const write = (): boolean => res.write(endless)
      res.on('drain', write)
      write()
    })
    await call('lean', '/')
    const collect = garbageCollector()
    await until(() => {
      collect()
      return sockets.size === 0
    })
  })
})

function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc')
}

describe('isNodesFetch', () => {
  it('knows the fetch of this Node, and everything that was put in its place', () => {
    expect(isNodesFetch(globalThis.fetch)).toBe(true)
    expect(isNodesFetch(async () => new Response())).toBe(false)
  })

  it('leaves a call to whatever stands in its place', async () => {
    const { call } = await callsOf((_req, res) => void res.end('ok'))
    const isThePlatforms = async (way: Way): Promise<boolean> =>
      Object.getPrototypeOf(await call(way, '/')) === Response.prototype
    expect([await isThePlatforms('platform'), await isThePlatforms('lean')]).toEqual([true, false])
  })
})
