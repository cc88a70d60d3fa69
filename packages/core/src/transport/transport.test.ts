import { spawnSync } from 'node:child_process'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { inspect } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Clock, systemClock } from '../clock.ts'
import { fault, listen, send, until } from './loopback.fixture.ts'
import { Transport } from './transport.ts'
import { request } from './undici.ts'

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

describe('Transport.close', () => {
  it('cuts a response that nobody reads when its time is over', async () => {
    const clock = new HandClock()
    const { url, sockets } = await listen((_request, response) => response.writeHead(200).write('begun'))
    const transport = new Transport({ clock })
    const response = await request(transport.dispatcher, { origin: url, path: '/', method: 'GET' })
    response.body.on('error', () => {})
    const closed = transport.close()
    clock.fire()
    await closed
    await until(() => sockets.size === 0)
  })

  it('leaves no timer behind when nothing is open', async () => {
    const clock = new HandClock()
    await new Transport({ clock }).close()
    expect(clock.cancelled).toBe(1)
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
