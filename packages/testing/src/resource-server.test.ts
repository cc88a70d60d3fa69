import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { startForeignServer } from './foreign-server.ts'
import { startResourceServer } from './resource-server.ts'

describe('ResourceServer', () => {
  it('answers accepted tokens, counts and logs every request with its body', async () => {
    const rs = await startResourceServer({
      accepts: (token) => (token === 'good' ? { sub: 'ada' } : undefined),
    })
    const call = (token: string) =>
      fetch(`${rs.origin}/any/path?q=1`, {
        method: 'POST',
        headers: { authorization: `bearer ${token}` },
        body: Buffer.of(1, 2, 3),
      })
    expect(await (await call('good')).json()).toEqual({
      method: 'POST',
      path: '/any/path',
      claims: { sub: 'ada' },
      bodyBytes: 3,
    })
    const refused = await call('bad')
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer error="invalid_token"',
    ])
    expect(rs.calls.resource).toBe(2)
    expect(rs.requests[0]).toMatchObject({ target: '/any/path?q=1', body: Buffer.of(1, 2, 3) })
    await rs.close()
  })

  it('refuses the next calls, redirects to any URL and is held like any server', async () => {
    const rs = await startResourceServer({
      accepts: () => ({}),
      answer: (request) => ({ seen: request.path }),
    })
    rs.faults.next('resource', 2, { status: 401 })
    rs.faults.next('resource', 1, { redirect: { code: 308, url: 'http://127.0.0.1:1/' } })
    const statuses: number[] = []
    for (let call = 0; call < 4; call++)
      statuses.push((await fetch(rs.origin, { redirect: 'manual' })).status)
    expect(statuses).toEqual([401, 401, 308, 200])
    expect(await (await fetch(`${rs.origin}/x`)).json()).toEqual({ seen: '/x' })
    await rs.close()
  })
})

describe('ForeignServer', () => {
  it('records every connection and byte, HTTP or not', async () => {
    const evil = await startForeignServer()
    expect([evil.connections, evil.bytes]).toEqual([0, 0])
    expect((await fetch(evil.origin, { method: 'POST', body: 'secret body' })).status).toBe(200)
    expect(Buffer.from(evil.received).toString()).toMatch(/^POST \/ HTTP\/1\.1\r\n[\s\S]*secret body$/)
    const before = evil.bytes
    const socket = connect(Number(new URL(evil.origin).port), '127.0.0.1')
    await once(socket, 'connect')
    socket.write(Buffer.of(22, 3, 1, 0))
    await expect.poll(() => evil.bytes).toBe(before + 4)
    expect(evil.connections).toBe(2)
    await evil.close()
  })
})
