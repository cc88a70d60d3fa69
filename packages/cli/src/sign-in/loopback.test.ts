import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { LoopbackReceiver } from './loopback.ts'

const state = 'a-state-that-nobody-can-guess'

async function listening(options: Parameters<typeof LoopbackReceiver.listen>[0] = {}) {
  const receiver = await LoopbackReceiver.listen(options)
  onTestFinished(() => receiver.close())
  const stop = new AbortController()
  const answer = receiver.receive(state, stop.signal)
  answer.catch(() => {})
  const url = new URL(receiver.redirectUri)
  const raw = (request: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(url.port), url.hostname.replace(/^\[|\]$/g, ''))
      let text = ''
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        text += chunk
      })
      socket.once('end', () => resolve(text)).once('error', reject)
      socket.write(request)
    })
  const ask = (target: string, { method = 'GET', host = url.host } = {}): Promise<string> =>
    raw(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  return { receiver, url, answer, stop, ask }
}

const statusOf = (text: string): number => Number(text.split(' ')[1])

describe('case 90: the listener', () => {
  it.each([
    ['127.0.0.1', '/proc/net/tcp', '0100007F'],
    ['[::1]', '/proc/net/tcp6', '00000000000000000000000001000000'],
  ] as const)('binds %s alone', async (host, table, address) => {
    const { url } = await listening({ host })
    expect(url.hostname).toBe(host)
    const port = Number(url.port).toString(16).toUpperCase().padStart(4, '0')
    const listeners = readFileSync(table, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local = '', , status]) => status === '0A' && local.endsWith(`:${port}`))
    expect(listeners.map(([, local]) => local)).toEqual([`${address}:${port}`])
  })

  it.each(['localhost', '0.0.0.0', '::', '192.168.0.1'])('never binds %s', async (host) => {
    await expect(LoopbackReceiver.listen({ host: host as never })).rejects.toMatchObject({
      code: 'invalid_options',
      reason: 'host',
    })
  })

  it('does not share a fixed port with whoever has it, and takes the next one of a range, both ends included', async () => {
    const squatter = createServer()
    onTestFinished(() => void squatter.close())
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve))
    const { port } = squatter.address() as AddressInfo // it listens on TCP
    for (const taken of [port, [port, port]] as const) {
      await expect(LoopbackReceiver.listen({ port: taken })).rejects.toThrow(/is taken/)
    }
    const { url } = await listening({ port: [port, Math.min(port + 20, 65_535)] })
    expect(Number(url.port)).toBeGreaterThan(port)
    const last = await LoopbackReceiver.listen({ port: [port, Number(url.port)] }).catch(
      (error: Error) => error.message,
    )
    expect(last).toMatch(/Every port from/)
  })

  it.each([[-1], [65_536], [1.5], [[5, 4]], [[0, 5]], [[1]], [[1, 2, 3]]])(
    'refuses the port %j',
    async (port) => {
      await expect(LoopbackReceiver.listen({ port: port as never })).rejects.toMatchObject({ reason: 'port' })
    },
  )

  it('is gone once it is closed, and ends with the signal', async () => {
    const { receiver, answer, stop, ask } = await listening()
    stop.abort(new Error('given up'))
    await expect(answer).rejects.toThrow('given up')
    await receiver.close()
    await expect(ask('/callback')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

describe('case 91: hostile local requests', () => {
  it('are refused one by one, and the right answer still wins', async () => {
    const { url, answer, ask } = await listening()
    const good = `/callback?code=c&state=${state}`
    const refused = [
      [await ask(good, { host: `evil.example:${url.port}` }), 400],
      [await ask(good, { host: `localhost:${url.port}` }), 400],
      [await ask(good, { method: 'POST' }), 405],
      [await ask(good, { method: 'HEAD' }), 405],
      [await ask(`/callback/?code=c&state=${state}`), 404],
      [await ask(`/favicon.ico`), 404],
      [await ask(`//callback?code=c&state=${state}`), 404],
      [await ask('/callback?code=attackers&state=wrong'), 400],
      [await ask('/callback?code=attackers'), 400],
      [await ask(`/callback?code=attackers&state=${state}x`), 400],
    ] as const
    expect(refused.map(([text]) => statusOf(text))).toEqual(refused.map(([, status]) => status))
    const page = ask(good)
    const { query, tell } = await answer
    expect(query.get('code')).toBe('c')
    expect(statusOf(await ask(good))).toBe(400)
    tell('success')
    expect(statusOf(await page)).toBe(200)
    for (const text of [...refused.map(([one]) => one), await page]) {
      expect(text).not.toMatch(/access-control|attackers|code=/i)
      expect(text).toMatch(/content-security-policy: default-src 'none'/i)
    }
  })

  it('tell the browser what came of it, in words of the program’s own, without HTML in them', async () => {
    const { answer, ask } = await listening({ errorText: 'Nope <script>alert(1)</script>' })
    const page = ask(`/callback?error=access_denied&state=${state}`)
    const { tell } = await answer
    tell('error')
    expect(await page).toContain('Nope &lt;script&gt;')
    expect(statusOf(await page)).toBe(400)
  })

  it('that never end keep nobody out', async () => {
    const { url, answer, ask } = await listening()
    const idle = Array.from({ length: 30 }, () => {
      const socket = connect(Number(url.port), '127.0.0.1')
      socket.on('error', () => {})
      socket.write('GET /callback HTTP/1.1\r\nHost: ')
      return socket
    })
    onTestFinished(() => {
      for (const socket of idle) socket.destroy()
    })
    const page = ask(`/callback?code=c&state=${state}`)
    const { tell } = await answer
    tell('success')
    expect(statusOf(await page)).toBe(200)
  })

  it('that say nothing give up every place that they have taken', { timeout: 20_000 }, async () => {
    const { url, answer, ask } = await listening()
    const silent = Array.from({ length: 50 }, () =>
      connect(Number(url.port), '127.0.0.1').on('error', () => {}),
    )
    await Promise.all(silent.map((socket) => once(socket, 'connect')))
    await Promise.all(silent.map((socket) => once(socket.resume(), 'close')))
    const page = ask(`/callback?code=c&state=${state}`)
    const { tell } = await answer
    tell('success')
    expect(statusOf(await page)).toBe(200)
  })
})
