import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type FaultProxy, startFaultProxy } from '../fault-proxy.ts'

/** A server that sends back what it gets, and notes it. */
async function startEcho(): Promise<{ readonly port: number; readonly got: () => string }> {
  const got: Buffer[] = []
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      got.push(chunk)
      socket.write(chunk)
    })
    socket.on('end', () => socket.end())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { port: address.port, got: () => Buffer.concat(got).toString() }
}

/** A client that keeps what it gets. */
class Caller {
  readonly socket: Socket
  text = ''
  chunks = 0
  /** Whether the server's half has ended, and how the connection ended. */
  hasEnd = false
  error: string | undefined
  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    onTestFinished(() => void this.socket.destroy())
    this.socket.on('data', (chunk) => {
      this.text += chunk
      this.chunks += 1
    })
    this.socket.on('end', () => {
      this.hasEnd = true
    })
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code
    })
  }
}

async function startPair() {
  const echo = await startEcho()
  const proxy: FaultProxy = await startFaultProxy({ port: echo.port })
  onTestFinished(() => proxy.close())
  return { echo, proxy, call: () => new Caller(proxy.port) }
}

describe('a fault proxy', () => {
  it('passes everything on, and the end of each half', async () => {
    const { proxy, call } = await startPair()
    const text = 'x'.repeat(3_000_000)
    const caller = call()
    caller.socket.end(text)
    await expect.poll(() => caller.hasEnd).toBe(true)
    expect([caller.text.length, caller.error]).toEqual([text.length, undefined])
    expect(proxy.bytes).toEqual({ toServer: text.length, toClient: text.length })
    await expect.poll(() => proxy.open).toBe(0)
  })

  it.each(['toServer', 'toClient'] as const)('%s: cuts at byte N', async (direction) => {
    const { echo, proxy, call } = await startPair()
    proxy.set(direction, { cutAfterBytes: 4 })
    const caller = call()
    caller.socket.write('0123456789')
    await expect.poll(() => caller.error).toBe('ECONNRESET')
    if (direction === 'toServer') await expect.poll(echo.got).toBe('0123')
    else expect([echo.got(), caller.text]).toEqual(['0123456789', '0123'])
  })

  it('counts the bytes before a cut from the switch on, for each connection', async () => {
    const { proxy, call } = await startPair()
    const [one, other] = [call(), call()]
    one.socket.write('before')
    await expect.poll(() => one.text).toBe('before')
    proxy.set('toClient', { cutAfterBytes: 3 })
    one.socket.write('12345')
    await expect.poll(() => one.error).toBe('ECONNRESET')
    expect(one.text).toBe('before123')
    other.socket.write('12')
    await expect.poll(() => other.text).toBe('12')
    expect(other.error).toBeUndefined()
  })

  it('truncates: the connection ends properly in the middle', async () => {
    const { proxy, call } = await startPair()
    proxy.set('toClient', { truncateAfterBytes: 4 })
    const caller = call()
    caller.socket.write('0123456789')
    await expect.poll(() => caller.hasEnd).toBe(true)
    expect([caller.text, caller.error]).toEqual(['0123', undefined])
  })

  it('delays each chunk by the same time, and keeps their order', async () => {
    const { proxy, call } = await startPair()
    proxy.set('toServer', { delayMs: 200 })
    const caller = call()
    const startedAt = performance.now()
    for (const letter of 'abcdef') caller.socket.write(letter)
    await expect.poll(() => caller.text).toBe('abcdef')
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(195)
    proxy.set('toServer', { delayMs: 3_600_000 })
    caller.socket.write('g')
    proxy.set('toServer', {})
    await expect.poll(() => caller.text).toBe('abcdefg')
  })

  it('trickles one byte at a time', async () => {
    const { proxy, call } = await startPair()
    proxy.set('toClient', { trickleGapMs: 5 })
    const caller = call()
    caller.socket.write('0123456789')
    await expect.poll(() => caller.text).toBe('0123456789')
    expect(caller.chunks).toBeGreaterThan(5)
  })

  it('stalls, and delivers everything when it heals', async () => {
    const { echo, proxy, call } = await startPair()
    const caller = call()
    await expect.poll(() => proxy.open).toBe(1)
    proxy.set('toServer', { stall: true })
    caller.socket.write('waits')
    proxy.set('toServer', {})
    proxy.set('toClient', { stall: true })
    await expect.poll(echo.got).toBe('waits')
    expect(caller.text).toBe('')
    await proxy.heal()
    await expect.poll(() => caller.text).toBe('waits')
  })

  it('swallows in a black hole, and the connection stays useless', async () => {
    const { echo, proxy, call } = await startPair()
    const caller = call()
    await expect.poll(() => proxy.open).toBe(1)
    proxy.set('toServer', { blackHole: true })
    caller.socket.write('lost')
    await proxy.heal()
    caller.socket.write('lost too')
    const next = call()
    next.socket.write('arrives')
    await expect.poll(() => next.text).toBe('arrives')
    expect([echo.got(), caller.text, caller.error]).toEqual(['arrives', '', undefined])
  })

  it('refuses new connections, keeps the open ones, and accepts again on the same port', async () => {
    const { proxy, call } = await startPair()
    const [first] = [call()]
    first.socket.write('1')
    await expect.poll(() => first.text).toBe('1')
    await proxy.refuse()
    const refused = call()
    await expect.poll(() => refused.error).toBe('ECONNREFUSED')
    first.socket.write('2')
    await expect.poll(() => first.text).toBe('12')
    proxy.cut()
    await expect.poll(() => first.error).toBe('ECONNRESET')
    await proxy.accept()
    const again = call()
    again.socket.write('3')
    await expect.poll(() => again.text).toBe('3')
    expect(proxy.acceptedAt).toHaveLength(2)
    expect(proxy.mostAcceptedPerSecond).toBeGreaterThanOrEqual(1)
  })

  it('leads new connections elsewhere', async () => {
    const { echo, proxy, call } = await startPair()
    const other = await startEcho()
    proxy.retarget(other.port)
    const caller = call()
    caller.socket.write('a')
    await expect.poll(() => caller.text).toBe('a')
    expect([echo.got(), other.got()]).toEqual(['', 'a'])
  })

  it('drops the answer of the n-th request that fits, after the server has it', async () => {
    const { echo, proxy, call } = await startPair()
    const dropped = proxy.dropReply({ of: 'POST', nth: 2 })
    const caller = call()
    for (const [request, answers] of [
      ['GET 1 ', 'GET 1 '],
      ['POST 1 ', 'GET 1 POST 1 '],
    ] as const) {
      caller.socket.write(request)
      await expect.poll(() => caller.text).toBe(answers)
    }
    caller.socket.write('POST 2 ')
    await dropped
    await expect.poll(() => caller.error).toBe('ECONNRESET')
    expect([echo.got(), caller.text]).toEqual(['GET 1 POST 1 POST 2 ', 'GET 1 POST 1 '])
  })
})
