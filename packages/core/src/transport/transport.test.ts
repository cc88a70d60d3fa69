import { spawnSync } from 'node:child_process'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createServer as createTcpServer } from 'node:net'
import { inspect } from 'node:util'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Clock, systemClock } from '../clock.ts'
import { Transport, TransportError, type TransportRequest, type TransportResponse } from './transport.ts'

interface Listening {
  readonly url: string
  readonly sockets: ReadonlySet<Socket>
}

async function listen(handler: RequestListener): Promise<Listening> {
  const server = createServer(handler)
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets }
}

function send(
  url: string,
  overrides: Partial<TransportRequest> = {},
  clock: Clock = systemClock,
): Promise<TransportResponse> {
  const transport = new Transport({ clock })
  onTestFinished(() => transport.close())
  return transport.send({
    method: 'GET',
    url,
    headers: {},
    deadlineMs: 5_000,
    maxBytes: 65_536,
    ...overrides,
  })
}

async function fault(promise: Promise<unknown>): Promise<TransportError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof TransportError) return error
    throw error
  }
  throw new Error('expected a fault')
}

/** Fires its timers when told, and says when one is set. */
class HandClock implements Clock {
  fire: () => void = () => {}
  cancelled = 0
  now(): number {
    return 0
  }
  after(_delayMs: number, run: () => void): () => void {
    this.fire = run
    return () => {
      this.cancelled++
    }
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2))
}

describe('Transport.send', () => {
  it('sends method, headers and body, and returns whatever status came', async () => {
    const seen: IncomingMessage[] = []
    const { url } = await listen((request, response) => {
      seen.push(request)
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => response.writeHead(418, { 'x-a': ['1', '2'] }).end(`${request.url} ${body}`))
    })
    const answer = await send(`${url}/token?a=b`, { method: 'POST', headers: { 'x-b': 'c' }, body: 'hello' })
    expect(answer.status).toBe(418)
    expect(answer.headers['x-a']).toBe('1, 2')
    expect(Buffer.from(answer.body).toString()).toBe('/token?a=b hello')
    expect(seen[0]?.headers).toMatchObject({
      'x-b': 'c',
      accept: 'application/json',
      'user-agent': 'latchkey',
    })
  })

  it.each([301, 302, 303, 307, 308])('case 53: does not follow a %i', async (status) => {
    let evil = 0
    const other = await listen((_request, response) => {
      evil++
      response.end()
    })
    const { url } = await listen((_request, response) =>
      response.writeHead(status, { location: other.url }).end(),
    )
    expect((await send(url, { method: 'POST', body: 'secret' })).status).toBe(status)
    expect(evil).toBe(0)
  })

  it('closes the agent that it made, and never one that was passed in', async () => {
    const { url } = await listen((_request, response) => response.end())
    const first = new Transport({ clock: systemClock })
    const second = new Transport({ clock: systemClock, dispatcher: first.dispatcher })
    await second.close()
    await first.send({ method: 'GET', url, headers: {}, deadlineMs: 5_000, maxBytes: 10 })
    await first.close()
    const request = { method: 'GET', url, headers: {}, deadlineMs: 5_000, maxBytes: 10 } as const
    expect((await fault(first.send(request))).fault).toBe('connect')
  })
})

describe('Transport faults', () => {
  it('says connect when nobody listens', async () => {
    const error = await fault(send('http://127.0.0.1:1/token?secret=SECRET'))
    expect(error).toMatchObject({ fault: 'connect', systemCode: 'ECONNREFUSED' })
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain('SECRET')
    expect(error.cause).toBeUndefined()
  })

  it('says connect when the name does not exist', async () => {
    expect((await fault(send('http://no-such-host.invalid/'))).fault).toBe('connect')
  })

  it('says connect when TLS does not come about', async () => {
    const { url } = await listen((_request, response) => response.end())
    expect((await fault(send(url.replace('http:', 'https:')))).fault).toBe('connect')
  })

  it('says connect when the deadline passes before there is a connection, and sends nothing later', async () => {
    const clock = new HandClock()
    let received = ''
    const server = createTcpServer((socket) => {
      // Never answers the TLS handshake.
      socket.on('data', (chunk) => {
        received += chunk.toString('latin1')
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/token`
    const transport = new Transport({ clock })
    onTestFinished(() => transport.dispatcher.destroy())
    const result = fault(
      transport.send({ method: 'POST', url, headers: {}, body: 'MARK', deadlineMs: 5, maxBytes: 10 }),
    )
    await until(() => received !== '')
    clock.fire()
    expect((await result).fault).toBe('connect')
    expect(received).not.toContain('MARK')
  })

  it('says cut when the connection breaks before the answer', async () => {
    const { url } = await listen((request) => request.socket.destroy())
    expect((await fault(send(url, { method: 'POST', body: 'x' }))).fault).toBe('cut')
  })

  it('says cut when the connection breaks inside the answer', async () => {
    const { url } = await listen((_request, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('half', () => response.destroy())
    })
    expect((await fault(send(url))).fault).toBe('cut')
  })

  it('says cut when the answer is no HTTP', async () => {
    const server = createTcpServer((socket) => void socket.end('nonsense\r\n\r\n'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    expect((await fault(send(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`))).fault).toBe(
      'cut',
    )
  })
})

describe('Transport deadline', () => {
  const stuck: readonly (readonly [string, (response: ServerResponse) => void])[] = [
    ['no headers come', () => {}],
    [
      'the body stops',
      (response) => {
        response.writeHead(200)
        response.write('{')
      },
    ],
    [
      'the body trickles',
      (response) => {
        response.writeHead(200)
        const timer = setInterval(() => response.write(' '), 5)
        response.on('close', () => clearInterval(timer))
      },
    ],
  ]

  it.each(stuck)('case 79: says timeout and destroys the socket when %s', async (_name, stall) => {
    const clock = new HandClock()
    let reached = false
    const { url, sockets } = await listen((_request, response) => {
      stall(response)
      reached = true
    })
    const result = fault(send(url, { method: 'POST', body: 'x' }, clock))
    await until(() => reached)
    await new Promise((resolve) => setTimeout(resolve, 20))
    clock.fire()
    expect((await result).fault).toBe('timeout')
    await until(() => sockets.size === 0)
  })

  it('is called off once the answer is complete', async () => {
    const clock = new HandClock()
    const { url } = await listen((_request, response) => response.end('ok'))
    await send(url, {}, clock)
    expect(clock.cancelled).toBe(1)
    clock.fire()
  })
})

describe('Transport caps', () => {
  it('case 81: stops an endless body at the cap and destroys the socket', async () => {
    let written = 0
    const { url, sockets } = await listen((_request, response) => {
      response.writeHead(200)
      const chunk = Buffer.alloc(16_384)
      const more = (): void => {
        if (response.destroyed) return
        written += chunk.length
        response.write(chunk, more)
      }
      more()
    })
    expect((await fault(send(url))).fault).toBe('too_large')
    await until(() => sockets.size === 0)
    expect(written).toBeLessThan(64 * 1024 * 1024)
  })

  it('case 81: refuses by Content-Length before the body comes', async () => {
    const { url, sockets } = await listen((_request, response) => {
      response.writeHead(200, { 'content-length': String(1024 ** 3) })
      response.flushHeaders()
    })
    expect((await fault(send(url))).fault).toBe('too_large')
    await until(() => sockets.size === 0)
  })

  it('accepts a body of exactly the cap', async () => {
    const { url } = await listen((_request, response) => response.end(Buffer.alloc(1000)))
    expect((await send(url, { maxBytes: 1000 })).body).toHaveLength(1000)
    expect((await fault(send(url, { maxBytes: 999 }))).fault).toBe('too_large')
  })

  const bomb = Buffer.alloc(32 * 1024 * 1024)
  it.each([
    ['gzip', gzipSync(bomb)],
    ['deflate', deflateSync(bomb)],
    ['deflate', deflateRawSync(bomb)],
    ['br', brotliCompressSync(bomb)],
  ])('case 81: stops a %s bomb at the cap', async (coding, body) => {
    const { url } = await listen((_request, response) =>
      response.writeHead(200, { 'content-encoding': coding }).end(body),
    )
    expect((await fault(send(url))).fault).toBe('too_large')
  })

  it.each([
    ['gzip', gzipSync('hello')],
    ['x-gzip', gzipSync('hello')],
    ['GZIP', gzipSync('hello')],
    ['deflate', deflateSync('hello')],
    ['deflate', deflateRawSync('hello')],
    ['br', brotliCompressSync('hello')],
    ['identity', Buffer.from('hello')],
  ])('reads %s', async (coding, body) => {
    const { url } = await listen((_request, response) =>
      response.writeHead(200, { 'content-encoding': coding }).end(body),
    )
    expect(Buffer.from((await send(url)).body).toString()).toBe('hello')
  })

  it.each([
    ['two codings', 'gzip, gzip', gzipSync(gzipSync('hello'))],
    ['an unknown coding', 'zstd', Buffer.from('hello')],
    ['plain text labelled gzip', 'gzip', Buffer.from('hello')],
    ['plain text labelled br', 'br', Buffer.from('hello')],
    ['plain text labelled deflate', 'deflate', Buffer.from('hello')],
    ['cut gzip', 'gzip', gzipSync('hello').subarray(0, 15)],
  ])('case 81: refuses %s', async (_name, coding, body) => {
    const { url } = await listen((_request, response) =>
      response.writeHead(200, { 'content-encoding': coding }).end(body),
    )
    expect((await fault(send(url))).fault).toBe('encoding')
  })
})

describe('undici.ts', () => {
  it('sends a lean request', async () => {
    const { Agent, request } = await import('./undici.ts')
    const agent = new Agent()
    onTestFinished(() => agent.close())
    const { url } = await listen((_request, response) => response.end('ok'))
    const { body } = await request(agent, { origin: url, path: '/', method: 'GET' })
    expect(await body.text()).toBe('ok')
  })

  it('leaves the global dispatcher of the host app alone', () => {
    const script = `await import(process.argv[1])
      console.log(typeof globalThis[Symbol.for('undici.globalDispatcher.1')])`
    const file = new URL('./undici.ts', import.meta.url).href
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script, file], {
      encoding: 'utf8',
    })
    expect(stdout.trim()).toBe('undefined')
  })
})
