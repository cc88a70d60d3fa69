import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Latchkey } from '@latchkey/express'
import { type Emulators, startEmulators } from '@latchkey/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createApp } from './app.ts'

let emulators: Emulators<'spotify'>
let server: Server
let auth: Latchkey<'spotify'>
let origin: string
let logged: unknown[]

beforeEach(async () => {
  emulators = await startEmulators({ only: ['spotify'] })
  // The app reads its client from the environment, as in production.
  Object.assign(process.env, emulators.environment)
  // Listening first: baseUrl has to name the port.
  server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  origin = `http://127.0.0.1:${port}`
  logged = []
  const log = (...line: unknown[]) => void logged.push(line)
  const created = createApp({
    baseUrl: origin,
    dispatcher: emulators.dispatcher, // the hosts of Spotify are the emulated ones, and no other can be reached
    clock: emulators.clock, // time passes when the test says so
    logger: { debug: log, info: log, warn: log, error: log },
  })
  auth = created.auth
  server.on('request', created.app)
})

afterEach(async () => {
  server.close()
  server.closeAllConnections()
  await auth.close()
  await emulators.close()
  expect(emulators.marks.findIn(logged), 'tokens or secrets in the log').toEqual([])
})

it('leads through the consent page to the favourite track', async () => {
  const browser = emulators.browser()
  const home = await browser.get(origin)
  const consent = await browser.click(home, 'Sign in with Spotify')
  const page = await browser.submit(consent, { button: 'Ada' })
  expect(page.url).toBe(`${origin}/favourite`)
  expect(page.text).toMatch(/^Ada likes /)
})

it('explains itself to somebody who says no', async () => {
  const page = await emulators.browser().signIn(`${origin}/favourite`, { deny: true })
  expect([page.status, page.text]).toEqual([403, expect.stringContaining('Access was not granted')])
})

it('needs no consent page where a test is about something else', async () => {
  const tokens = emulators.spotify.tokens('ada', { scope: ['user-top-read'] })
  const user = { id: tokens.userId, name: 'Ada' }
  const { cookie } = await auth.createSession({ provider: 'spotify', user, tokens })
  const reply = await fetch(`${origin}/favourite`, { headers: { cookie } })
  expect(await reply.text()).toMatch(/^Ada likes /)
})

it('works on when the token has expired and Spotify stumbles at the refresh', async () => {
  const browser = emulators.browser()
  await browser.signIn(`${origin}/favourite`, { as: 'Ada' })
  await emulators.clock.advance(3600)
  emulators.spotify.as.faults.next('token', 1, { status: 503 })
  expect((await browser.get(`${origin}/favourite`)).text).toMatch(/^Ada likes /)
  expect(emulators.spotify.as.mints.refresh_token).toBe(1)
})

it('asks to sign in again when Spotify has ended the authorization', async () => {
  const browser = emulators.browser()
  await browser.signIn(`${origin}/favourite`, { as: 'Ada' })
  emulators.spotify.as.killRefreshToken('user-ada')
  await emulators.clock.advance(3600)
  const consent = await browser.get(`${origin}/favourite`)
  const page = await browser.submit(consent, { button: 'Ada' })
  expect(page.text).toMatch(/^Ada likes /)
})
