import { request } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TestClock } from '../clock.ts'
import { EmulatorServer } from './emulator-server.ts'
import { json } from './reply.ts'

let commits = 0
let server: EmulatorServer<'one' | 'two'>

beforeEach(async () => {
  commits = 0
  const handle = () => json(200, { number: ++commits, keep: 'me' })
  server = new EmulatorServer({
    clock: new TestClock(),
    routes: [
      { endpoint: 'one', methods: ['GET', 'POST'], path: '/one', handle },
      { endpoint: 'two', methods: ['GET'], path: '/two', handle },
    ],
  })
  await server.listen()
})

afterEach(() => server.close())

const get = (path: string): Promise<Response> => fetch(server.origin + path, { redirect: 'manual' })

/** Status, header lines and bytes without any decoding. */
function raw(path: string): Promise<{ headers: Record<string, unknown>; body: Buffer; whole: boolean }> {
  return new Promise((resolve, reject) => {
    request(server.origin + path, { agent: false }, (response) => {
      const chunks: Buffer[] = []
      const done = () =>
        resolve({ headers: response.headers, body: Buffer.concat(chunks), whole: response.complete })
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', () => {})
      response.on('close', done)
    })
      .on('error', reject)
      .end()
  })
}

describe('Faults', () => {
  it('applies next in turn, then always, then nothing', async () => {
    server.faults.always('one', { status: 500 })
    server.faults.next('one', 2, { status: 501 })
    server.faults.next('one', 1, { status: 502 })
    const statuses: number[] = []
    for (let call = 0; call < 4; call++) statuses.push((await get('/one')).status)
    expect(statuses).toEqual([501, 501, 502, 500])
    server.faults.clear('one')
    expect((await get('/one')).status).toBe(200)
    expect([commits, server.calls.one, server.calls.two]).toEqual([1, 5, 0])
  })

  it('lets any stand for every endpoint, behind the endpoint itself', async () => {
    server.faults.next('any', 1, { status: 503 })
    server.faults.next('one', 1, { status: 429 })
    expect([(await get('/one')).status, (await get('/two')).status, (await get('/one')).status]).toEqual([
      429, 503, 200,
    ])
  })

  it('affects and counts only calls for which when is true', async () => {
    server.faults.next('one', 1, { status: 503, when: (call) => call.query.get('fail') === 'yes' })
    expect((await get('/one')).status).toBe(200)
    expect((await get('/one?fail=yes')).status).toBe(503)
    expect((await get('/one?fail=yes')).status).toBe(200)
  })

  it('processes a replaced answer only when told to', async () => {
    server.faults.next('one', 1, { status: 418, commit: true })
    const real = await get('/one')
    expect([real.status, (await real.json()) as object]).toEqual([418, { number: 1, keep: 'me' }])
    server.faults.next('one', 1, {
      body: '<html>',
      headers: { 'content-type': 'text/html', 'x-extra': 'yes' },
    })
    const page = await get('/one')
    expect([await page.text(), page.headers.get('content-type'), page.headers.get('x-extra')]).toEqual([
      '<html>',
      'text/html',
      'yes',
    ])
    expect(commits).toBe(1)
  })

  it('sends bytes as they are, rewrites text, patches and removes fields and headers', async () => {
    server.faults.next('one', 1, { body: Buffer.of(0xef, 0xbb, 0xbf, 0xff) })
    expect((await raw('/one')).body).toEqual(Buffer.of(0xef, 0xbb, 0xbf, 0xff))
    server.faults.next('one', 1, { body: (text: string) => text.replace('1', 'NaN') })
    expect(await (await get('/one')).text()).toBe('{"number":NaN,"keep":"me"}')
    server.faults.next('one', 1, {
      fields: { keep: undefined, more: [1] },
      headers: { 'cache-control': undefined },
    })
    const patched = await get('/one')
    expect(await patched.json()).toEqual({ number: 2, more: [1] })
    expect(patched.headers.has('cache-control')).toBe(false)
  })

  it('redirects with any code', async () => {
    server.faults.next('one', 1, { redirect: { code: 307, url: 'http://127.0.0.1:1/x' } })
    const answer = await get('/one')
    expect([answer.status, answer.headers.get('location'), commits]).toEqual([307, 'http://127.0.0.1:1/x', 0])
  })

  it('drops before the commit or after it', async () => {
    server.faults.next('one', 1, { dropBeforeCommit: true })
    await expect(get('/one')).rejects.toThrow()
    expect(commits).toBe(0)
    server.faults.next('one', 1, { dropAfterCommit: true })
    await expect(get('/one')).rejects.toThrow()
    expect(commits).toBe(1)
  })

  it('truncates, trickles, floods and bombs', async () => {
    server.faults.next('one', 1, { truncateAfterBytes: 5 })
    const cut = await raw('/one')
    expect([cut.body.toString(), cut.whole]).toEqual(['{"num', false])
    server.faults.next('one', 1, { trickleGapMs: 1 })
    expect(await (await get('/one')).json()).toEqual({ number: 2, keep: 'me' })
    server.faults.next('one', 1, { hugeBytes: 1_000_000 })
    expect((await raw('/one')).body.length).toBe(1_000_000)
    server.faults.next('one', 1, { gzipBombBytes: 5_000_000 })
    const bomb = await raw('/one')
    expect(bomb.headers['content-encoding']).toBe('gzip')
    expect(bomb.body.length).toBeLessThan(50_000)
    expect(gunzipSync(bomb.body).length).toBe(5_000_000)
  })

  it('stops flooding when the client goes away', async () => {
    server.faults.next('one', 1, { hugeBytes: 1e12 })
    const abort = new AbortController()
    const answer = await fetch(`${server.origin}/one`, { signal: abort.signal })
    await answer.body?.getReader().read()
    abort.abort()
    expect((await get('/one')).status).toBe(200)
  })

  it('never answers with noHeaders, until close', async () => {
    server.faults.next('one', 1, { noHeaders: true, commit: true })
    const hanging = get('/one').then(
      () => 'answered',
      () => 'cut',
    )
    await expect.poll(() => commits).toBe(1)
    await server.close()
    expect(await hanging).toBe('cut')
  })

  it('holds calls before the commit or after it, the first ones or all', async () => {
    const before = server.faults.hold('one', { calls: 1 })
    const held = get('/one')
    await before.arrived
    expect([commits, before.waiting]).toEqual([0, 1])
    await get('/one')
    expect(commits).toBe(1)
    before.release()
    await held
    const after = server.faults.hold('any', { at: 'afterCommit' })
    const both = [get('/one'), get('/two')]
    await expect.poll(() => after.waiting).toBe(2)
    expect(commits).toBe(4)
    server.faults.clear()
    await Promise.all(both)
  })

  it('answers 404 and 405 outside its endpoints, and logs every request', async () => {
    expect((await get('/none')).status).toBe(404)
    expect((await fetch(`${server.origin}/two`, { method: 'DELETE' })).status).toBe(405)
    await fetch(`${server.origin}/one?q=1`, { method: 'POST', body: new URLSearchParams({ a: 'b' }) })
    expect(server.requests.map(({ endpoint, method }) => `${method} ${endpoint}`)).toEqual([
      'GET unknown',
      'DELETE unknown',
      'POST one',
    ])
    expect([server.requests[2]?.form.get('a'), server.requests[2]?.target]).toEqual(['b', '/one?q=1'])
  })
})
