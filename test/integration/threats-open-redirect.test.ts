import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import express from 'express'
import { describe, expect, it } from 'vitest'
import { Sealer } from '../../packages/core/src/crypto/seal.ts'
import { decodeTransaction, encodeTransaction } from '../../packages/core/src/session/transaction-codec.ts'
import { events, type Harness, startHarness } from './harness.fixture.ts'
import { locationOf } from './login-steps.fixture.ts'
import { navigationLines, type RawResponse, rawRequest, valuesOf } from './raw-http.fixture.ts'
import { escapeOf, percentEncode, returnToCorpus, seededRandom } from './return-to-corpus.fixture.ts'

const server = { autoApprove: 'user-ada' }
const secret = randomBytes(32).toString('base64url')

/** An app with a form of its own that begins a login or signs out, and leads to wherever it was told. */
function startApp(): Promise<Harness> {
  return startHarness({
    server,
    options: { secret },
    routes: (app) => {
      app.use(express.urlencoded({ limit: '1mb' }))
      app.post('/start', (req, _res, next) => void req.oauth.login({ returnTo: req.body.to }).catch(next))
      app.post('/end', (req, _res, next) => void req.oauth.logout({ returnTo: req.body.to }).catch(next))
    },
  })
}

/** A login that has begun: where it leads first, and its cookie. */
interface Start {
  readonly location: string
  readonly cookie: string
}

/** Where a login that has begun leads in the end. */
async function finish(harness: Harness, start: Start): Promise<string | undefined> {
  const answer = await harness.newBrowser().get(start.location, { redirect: 'manual' })
  const { pathname, search } = new URL(locationOf(answer))
  const lines = [...navigationLines, `Cookie: ${start.cookie}`]
  const response = await rawRequest(harness.origin, { target: pathname + search, lines })
  expect(response.status).toBe(303)
  return valuesOf(response, 'location')[0]
}

/** Begins a login with a return address written into the query byte for byte. `undefined`: Node itself refused it. */
async function begin({ origin, as }: Harness, written: string): Promise<Start | undefined> {
  const target = Buffer.from(`/login/example?returnTo=${written}`, 'utf8').toString('latin1')
  const response = await rawRequest(origin, { target, lines: navigationLines })
  if (response.status === 400 && /[^\x21-\x7e]/.test(written)) return undefined
  expect([written, response.status]).toEqual([written, 303])
  const start = startOf(response)
  expect(start.location.startsWith(as.endpoints.authorization)).toBe(true)
  return start
}

/** Begins a login from a form of the app's own, or ends a session: the address is in the body. */
async function submit({ origin }: Harness, target: string, to: string): Promise<RawResponse> {
  const lines = [...navigationLines, 'Content-Type: application/x-www-form-urlencoded']
  return rawRequest(origin, { method: 'POST', target, lines, body: `to=${percentEncode(to)}` })
}

function startOf(response: RawResponse): Start {
  // A form is led on by a page instead of a redirect.
  const link = /content="0; url=([^"]+)"/.exec(response.body)?.[1]?.replaceAll('&amp;', '&')
  const [location = link ?? ''] = valuesOf(response, 'location')
  return { location, cookie: valuesOf(response, 'set-cookie')[0]?.split(';')[0] ?? '' }
}

describe('case 12: open redirect', () => {
  const payloads = Object.values(returnToCorpus).flat()

  const everyOther = (first: 0 | 1): readonly string[] => payloads.filter((_, index) => index % 2 === first)

  it(`case 12: ${payloads.length} addresses in a query, raw and encoded, every fourth twice, lead nowhere else`, async () => {
    const harness = await startApp()
    const counts = { 'sign-ins': 0, 'kept a harmless path': 0, 'refused by Node': 0 }
    for (const [index, payload] of payloads.entries()) {
      const once = percentEncode(payload)
      for (const written of [payload, once, ...(index % 4 === 0 ? [percentEncode(once)] : [])]) {
        const start = await begin(harness, written)
        if (start === undefined) {
          counts['refused by Node'] += 1
          continue
        }
        const location = await finish(harness, start)
        expect([written, escapeOf(location, harness.origin)]).toEqual([written, undefined])
        counts['sign-ins'] += 1
        if (location !== '/') counts['kept a harmless path'] += 1
      }
    }
    console.info('case 12:', counts)
    expect(counts['sign-ins']).toBeGreaterThan(1_000)
    expectQuietLog(harness)
  })

  it(`case 12: ${payloads.length} addresses in a form lead nowhere else at sign-out, every other one at sign-in`, async () => {
    const harness = await startApp()
    for (const payload of payloads) {
      const ended = await submit(harness, '/end', payload)
      const [location] = valuesOf(ended, 'location')
      expect([payload, ended.status, escapeOf(location, harness.origin)]).toEqual([payload, 303, undefined])
    }
    for (const payload of everyOther(0)) {
      const location = await finish(harness, startOf(await submit(harness, '/start', payload)))
      expect([payload, escapeOf(location, harness.origin)]).toEqual([payload, undefined])
    }
    expectQuietLog(harness)
  })

  it(`case 12: ${everyOther(1).length} addresses sealed into a transaction lead nowhere else`, async () => {
    const harness = await startApp()
    for (const payload of everyOther(1)) {
      const start = await begin(harness, '/safe')
      if (start === undefined) expect.fail('no login')
      const cookie = resealed(start.cookie, payload)
      const location = await finish(harness, { ...start, cookie })
      expect([payload, escapeOf(location, harness.origin)]).toEqual([payload, undefined])
    }
    expectQuietLog(harness)
  })

  it('case 12: what is sealed into a transaction is what the sign-in leads to', async () => {
    const harness = await startApp()
    const start = await begin(harness, '/safe')
    if (start === undefined) expect.fail('no login')
    expect(await finish(harness, { ...start, cookie: resealed(start.cookie, '/other') })).toBe('/other')
  })
})

/** A transaction cookie as an attacker who has the secret would make it. */
function resealed(cookie: string, returnTo: string): string {
  const [name = '', value = ''] = cookie.split('=')
  const sealer = new Sealer([secret])
  const binding = { kind: 'transaction', name: name.replace(/^lk\.t\.\d+\./, '') } as const
  const transaction = decodeTransaction(sealer.open(binding, Buffer.from(value, 'base64url')))
  const sealed = sealer.seal(binding, encodeTransaction({ ...transaction, returnTo }))
  return `${name}=${Buffer.from(sealed).toString('base64url')}`
}

describe('case 13: validate, then write what was validated', () => {
  it.each([
    '/.//evil.example',
    '/a/..//evil.example',
    '/..//evil.example',
    './\\evil.example',
    '/%2e//evil.example',
  ])('case 13: %s leads to /', async (payload) => {
    const harness = await startApp()
    for (const written of [payload, percentEncode(payload)]) {
      const start = await begin(harness, written)
      if (start === undefined) expect.fail('no login')
      expect(await finish(harness, start)).toBe('/')
    }
  })

  it('case 13: 100,000 random addresses in links and 300 on the wire stay on our origin', async () => {
    const harness = await startApp()
    const random = seededRandom(1_313)
    let kept = 0
    for (let round = 0; round < 100_000; round += 1) {
      const address = randomAddress(random)
      const linked = linkedReturnTo(harness.auth.buttons({ returnTo: address }))
      const fault = escapeOf(linked, harness.origin)
      if (fault !== undefined)
        expect.fail(`${JSON.stringify(address)} became ${JSON.stringify(linked)}: ${fault}`)
      if (linked === address) kept += 1
    }
    for (let round = 0; round < 300; round += 1) {
      const address = randomAddress(random)
      const start = await begin(harness, percentEncode(address))
      if (start === undefined) expect.fail(`${JSON.stringify(address)} begins no login`)
      expect([address, escapeOf(await finish(harness, start), harness.origin)]).toEqual([address, undefined])
    }
    console.info(`case 13: 100,300 random addresses (seed 1313), ${kept} kept as they were, 0 escapes`)
    expect(kept).toBeGreaterThan(1_000)
  })
})

const pieces = ['/', '/', '//', '\\', '.', '..', '%2e', '%2f', '%5c', '%00', '\t', '\n', '\r', ' ', '@', ':', '?', '#', ';', '%', '[',
  ']', 'evil.example', 'https:', 'javascript:', 'a', 'B', '\u0000', '\u00e9', '\u2028', '\uff0f', '\u3002', '\ud800',
  '\u{1f511}'] // biome-ignore format: a list

function randomAddress(random: () => number): string {
  const length = 1 + Math.floor(random() * 7)
  const text = Array.from({ length }, () => pieces[Math.floor(random() * pieces.length)]).join('')
  return random() < 0.7 ? `/${text}` : text
}

/** The address that a sign-in link leads back to. */
function linkedReturnTo(html: string): string | undefined {
  const [, written] = /href="[^"]*[?&;]returnTo=([^"&]*)"/.exec(html) ?? []
  return written === undefined ? undefined : decodeURIComponent(written)
}

/** Refusals say why and how long, and nothing else. */
function expectQuietLog(harness: Harness): void {
  const refusals = events(harness, 'returnto.rejected')
  expect(refusals.length).toBeGreaterThan(0)
  for (const { fields } of refusals) {
    expect(Object.keys(fields).sort()).toEqual(['event', 'length', 'reason'])
    expect(fields.reason).toMatch(/^[a-z_]+$/)
  }
  expect(inspect(harness.logged, { depth: Infinity })).not.toContain('evil')
}
