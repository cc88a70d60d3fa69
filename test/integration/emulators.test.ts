import { createHook } from 'node:async_hooks'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { firstCodeBlock } from '../repo/code-block.ts'
import { startOwnApp } from './own-app.fixture.ts'
import { bothWays, failure } from './signed-in.fixture.ts'

const me = 'https://api.spotify.com/v1/me'

/** Ada, signed in at the app with Spotify through the consent page. */
async function signedIn() {
  const app = await startOwnApp()
  const browser = app.emulators.browser()
  const home = await browser.signIn(`${app.origin}/login/spotify`, { as: 'Ada' })
  return { ...app, browser, home, oauth: app.oauth() }
}

/** Name look-ups and connections that `run` asks the system for. */
async function networkUse(run: () => Promise<unknown>): Promise<readonly string[]> {
  const watched = ['GETADDRINFOREQWRAP', 'QUERYWRAP', 'TCPCONNECTWRAP']
  const used: string[] = []
  const hook = createHook({ init: (_id, type) => void (watched.includes(type) && used.push(type)) }).enable()
  await run().finally(() => hook.disable())
  return used
}

describe('an app for the real providers, tested with emulators', () => {
  it('signs in with Spotify on its own client, at the real addresses', async () => {
    const { home, emulators } = await signedIn()
    expect(JSON.parse(home.text)).toMatchObject({ provider: 'spotify', id: 'account-user-ada', name: 'Ada' })
    expect(home.history.map(({ url }) => new URL(url).origin)).toContain('https://accounts.spotify.com')
    expect(emulators.spotify.as.liveFor('user-ada')?.clientId).toBe('my-app')
    const hosts = emulators.spotify.as.requests.map(({ headers }) => headers.host)
    expect(new Set(hosts)).toEqual(new Set(['accounts.spotify.com']))
    expect(emulators.spotify.tokens('ada').userId).toBe('account-user-ada')
  })

  it('signs in with EXBO and calls both of its hosts', async () => {
    const { origin, oauth, emulators } = await startOwnApp()
    const home = await emulators.browser().signIn(`${origin}/login/exbo`, { as: 'Grace' })
    expect(JSON.parse(home.text)).toMatchObject({ provider: 'exbo', id: '1002', name: 'Grace' })
    const characters = await oauth().fetch('https://eapi.stalcraft.net/EU/characters')
    expect(await characters.json()).toMatchObject([{ information: { name: 'Grace' } }, {}])
    expect((await oauth().fetch('https://exbo.net/oauth/user')).status).toBe(200)
    expect(emulators.exbo.tokens('grace').userId).toBe('1002')
  })

  it.each(bothWays)('refreshes once when the hour of a token is over, by %s', async (_name, call) => {
    const { oauth, emulators } = await signedIn()
    expect(JSON.parse((await call(oauth, me)).text)).toMatchObject({ display_name: 'Ada' })
    await emulators.clock.advance(3600)
    const calls = Array.from({ length: 20 }, async () => (await call(oauth, me)).status)
    expect(new Set(await Promise.all(calls))).toEqual(new Set([200]))
    expect(emulators.spotify.as.mints).toEqual({
      authorization_code: 1,
      refresh_token: 1,
      device_code: 0,
      client_credentials: 0,
    })
  })

  it.each(bothWays)('outlives a refresh that fails once, by %s', async (_name, call) => {
    const { oauth, emulators } = await signedIn()
    await emulators.clock.advance(3600)
    emulators.spotify.as.faults.next('token', 1, { status: 503 })
    expect((await call(oauth, me)).status).toBe(200)
    expect(emulators.spotify.as.calls.token).toBe(3)
  })

  it.each(bothWays)('never gets to a host without an emulator, by %s', async (_name, call) => {
    const { oauth } = await signedIn()
    let error: unknown
    const used = await networkUse(async () => {
      error = await call(oauth, 'https://friend.example/api').catch((reason: unknown) => reason)
    })
    expect(used).toEqual([])
    const { cause } = error as { readonly cause?: unknown } // fetch puts what went wrong there
    expect(String(cause ?? error)).toContain('No emulator answers for https://friend.example,')
  })

  it('reaches the emulators without looking up a name', async () => {
    const { oauth, origin, emulators } = await signedIn()
    const used = await networkUse(async () => {
      await emulators.browser().signIn(`${origin}/login/exbo`, { as: 'Ada' })
      await (await oauth.fetch(me)).text()
    })
    expect(new Set(used)).toEqual(new Set(['TCPCONNECTWRAP']))
  })

  it('sends a stream as it is', async () => {
    const { oauth, emulators } = await signedIn()
    const parts = ['one ', 'two ', 'three']
    const body = ReadableStream.from(parts.map((part) => new TextEncoder().encode(part)))
    // Node's fetch wants `duplex` for a stream; its types do not have it.
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit
    expect((await oauth.fetch(me, init)).status).toBe(405)
    const received = emulators.spotify.api.requests.at(-1)
    expect(Buffer.from(received?.body ?? []).toString()).toBe('one two three')
    expect(received?.headers['transfer-encoding']).toBe('chunked')
  })

  it('hands an answer on while it is still coming', async () => {
    const { oauth, emulators } = await signedIn()
    emulators.spotify.api.faults.next('me', 1, { trickleGapMs: 1 })
    const reply = await oauth.fetch(me)
    const reader = reply.body?.getReader()
    const chunks: Uint8Array[] = []
    for (let read = await reader?.read(); read?.value; read = await reader?.read()) chunks.push(read.value)
    const whole = Buffer.concat(chunks)
    expect(JSON.parse(whole.toString())).toMatchObject({ display_name: 'Ada' })
    expect(chunks.length).toBeGreaterThan(1)
  })

  it.each(bothWays)('lets go when a call is aborted, by %s', async (_name, call) => {
    const { oauth, emulators } = await signedIn()
    const hold = emulators.spotify.api.faults.hold('me', { at: 'beforeCommit', calls: 1 })
    const controller = new AbortController()
    const called = failure(call(oauth, me, { signal: controller.signal }))
    await hold.arrived
    controller.abort()
    expect((await called).name).toBe('AbortError')
    hold.release()
    expect((await call(oauth, me)).status).toBe(200)
  })

  it('hears of a wrong secret', async () => {
    const { origin, emulators, browser } = await signedIn()
    emulators.spotify.as.setClientSecret('my-app', 'another-secret')
    expect((await browser.signIn(`${origin}/login/spotify`, { as: 'Ada' })).status).toBe(500)
    emulators.spotify.as.setClientSecret('my-app', 'my-own-secret')
    expect((await browser.signIn(`${origin}/login/spotify`, { as: 'Ada' })).status).toBe(200)
  })
})

describe('the first program of the README of @latchkey/testing', () => {
  it('runs to its end and shows Ada', async () => {
    // Below the ports that the system gives out, so that nobody else has it.
    const port = String(20_000 + (process.pid % 10_000))
    const program = firstCodeBlock('packages/testing/README.md').replaceAll('3000', port)
    const flags = ['--conditions=@latchkey/source', '--input-type=module', '--eval', program]
    const { stdout } = await promisify(execFile)(process.execPath, flags, {
      cwd: join(import.meta.dirname, '..'),
    })
    const lastLine = stdout.trim().split('\n').at(-1) ?? ''
    expect(JSON.parse(lastLine)).toMatchObject({ provider: 'spotify', id: 'account-user-ada', name: 'Ada' })
  })
})
