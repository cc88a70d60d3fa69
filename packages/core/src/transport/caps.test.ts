import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { fault, listen, send, until } from './loopback.fixture.ts'

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

describe('Transport that keeps what it received', () => {
  const tooLong = { 'content-length': String(1024 ** 3) }

  it('reads a 2xx answer of a forbidden Content-Length no further than the cap', async () => {
    const { url, sockets } = await listen((_request, response) => {
      response.writeHead(200, tooLong).write(Buffer.alloc(2_000))
    })
    const error = await fault(send(url, { maxBytes: 1_000, keepReceived: true }))
    expect(error.fault).toBe('too_large')
    expect(error.received?.body).toHaveLength(1_000)
    await until(() => sockets.size === 0)
  })

  it('waits a second for what such an answer brings', async () => {
    const { url } = await listen((_request, response) => response.writeHead(200, tooLong).write('some'))
    const error = await fault(send(url, { keepReceived: true }))
    expect(error.fault).toBe('too_large')
    expect(Buffer.from(error.received?.body ?? []).toString()).toBe('some')
  })

  it('keeps nothing of other answers, and nothing unasked', async () => {
    const { url } = await listen((request, response) => {
      response.writeHead(request.url === '/500' ? 500 : 200, tooLong).write('some')
    })
    expect((await fault(send(`${url}/500`, { keepReceived: true }))).received).toBeUndefined()
    expect((await fault(send(url))).received).toBeUndefined()
  })
})
