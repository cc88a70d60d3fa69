import { TestClock } from '@latchkey/testing'
import { describe, expect, it } from 'vitest'
import { randomId } from '../crypto/random.ts'
import { Sealer } from '../crypto/seal.ts'
import type { CookieSettings } from './cookie.ts'
import { httpsCookie, pairOf, RecordingLog, secrets, startAt } from './session.fixture.ts'
import {
  type BegunTransaction,
  type SessionBound,
  sessionBinding,
  Transactions,
  type TransactionTarget,
  transactionTarget,
} from './transaction.ts'

const target: TransactionTarget = {
  provider: 'example',
  identity: 'https://as.example client',
  redirectUri: 'https://app.example/callback/example',
  purpose: 'sign-in',
  responseMode: 'query',
}

const session: SessionBound = { locator: 'locator', userId: 'example:ada', subject: 'subject of ada' }

function boundTo(purpose: TransactionTarget['purpose']): { session?: SessionBound } {
  return purpose === 'sign-in' ? {} : { session }
}

class Fixture {
  readonly clock: TestClock = new TestClock({ frozen: true, startAt })
  readonly log: RecordingLog = new RecordingLog()
  readonly transactions: Transactions

  constructor(cookie: CookieSettings = httpsCookie, sealWith: readonly [string, ...string[]] = secrets) {
    this.transactions = new Transactions({
      sealer: new Sealer(sealWith),
      clock: this.clock,
      log: this.log,
      cookie,
    })
  }

  begin(
    cookies?: string,
    more: {
      returnTo?: string
      scope?: readonly string[]
      target?: TransactionTarget
      session?: SessionBound
    } = {},
  ): BegunTransaction {
    return this.transactions.begin(cookies, {
      target,
      session: undefined,
      scope: [],
      returnTo: '/me',
      ...more,
    })
  }
}

function cookieOf({ setCookies: [first = ''] }: BegunTransaction): string {
  return pairOf(first)
}

/** What a browser keeps after a Set-Cookie. */
function store(jar: Map<string, string>, setCookie: string): void {
  const [name = '', value = ''] = pairOf(setCookie).split('=')
  if (setCookie.includes('Max-Age=0')) jar.delete(name)
  else jar.set(name, value)
}

function headerOf(jar: ReadonlyMap<string, string>): string {
  return [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
}

describe('Transactions', () => {
  it('opens what the same browser began, and only with its state', () => {
    const { transactions, begin } = bound(new Fixture())
    const begun = begin()
    const opened = transactions.open(`a=1; ${cookieOf(begun)}`, begun.state)
    expect(opened).toMatchObject({
      nonce: begun.nonce,
      codeVerifier: begun.codeVerifier,
      returnTo: '/me',
      purpose: 'sign-in',
      scope: [],
      target: transactionTarget(target),
    })
    expect(transactions.open(cookieOf(begun), begin().state)).toBeUndefined()
    expect(transactions.open(cookieOf(begun), '')).toBeUndefined()
    expect(transactions.open(undefined, begun.state)).toBeUndefined()
    expect(transactions.open(cookieOf(begin()), begun.state)).toBeUndefined()
  })

  it('case 2: makes state, nonce and verifier new, distinct and of 256 bits for each of 2,000 logins', () => {
    const { begin } = bound(new Fixture())
    const values = new Set<string>()
    for (let round = 0; round < 2_000; round += 1) {
      const { state, nonce, codeVerifier } = begin()
      for (const value of [state, nonce, codeVerifier]) {
        expect(value).toMatch(/^[\w-]{43}$/)
        values.add(value)
      }
    }
    expect(values.size).toBe(6_000)
  })

  it('shows no state, nonce or verifier in the cookie', () => {
    const { begin } = bound(new Fixture())
    const begun = begin()
    for (const secret of [begun.state, begun.nonce, begun.codeVerifier]) {
      expect(begun.setCookies.join()).not.toContain(secret)
      expect(begun.setCookies.join()).not.toContain(secret.slice(0, 16))
    }
  })

  it('sets a host-only Lax cookie whose name says when it began', () => {
    const { begin } = bound(new Fixture())
    expect(begin().setCookies).toEqual([
      expect.stringMatching(
        /^__Host-lk\.t\.tro8w0\.[\w-]{16}=[\w-]+; Max-Age=600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
      ),
    ])
    const http = bound(new Fixture({ secure: false, port: '3000', sameSite: 'None', name: 'latchkey' }))
    expect(http.begin().setCookies).toEqual([
      expect.stringMatching(
        /^lk\.t\.3000\.[a-z0-9]+\.[\w-]{16}=[\w-]+; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/,
      ),
    ])
  })

  it.each(['sign-in', 'link', 'consent'] as const)(
    'keeps the whole Set-Cookie of a %s at 600 bytes with a returnTo of 256 bytes',
    (purpose) => {
      const fixture = bound(new Fixture())
      const returnTo = `/${'r'.repeat(255)}`
      const begun = fixture.begin(undefined, {
        returnTo,
        target: { ...target, purpose },
        ...boundTo(purpose),
      })
      const [setCookie = ''] = begun.setCookies
      expect(fixture.transactions.open(cookieOf(begun), begun.state)).toMatchObject({ purpose, returnTo })
      console.info(`transaction cookie of a ${purpose}: ${setCookie.length} bytes with a 256-byte returnTo`)
      expect(setCookie.length).toBeLessThanOrEqual(600)
    },
  )

  it('says which session and account a consent belongs to, and names neither', () => {
    const fixture = bound(new Fixture())
    const more = { target: { ...target, purpose: 'consent' } as const, ...boundTo('consent') }
    const begun = fixture.begin(undefined, more)
    const opened = fixture.transactions.open(cookieOf(begun), begun.state)
    expect(opened?.session).toBe(sessionBinding(session))
    for (const other of [
      { ...session, locator: 'another' },
      { ...session, userId: 'another' },
      { ...session, subject: 'another' },
      { locator: session.locator, userId: session.userId },
    ])
      expect(sessionBinding(other)).not.toBe(opened?.session)
  })

  it('replaces a longer returnTo by / and says so', () => {
    const { transactions, begin, log } = bound(new Fixture())
    const begun = begin(undefined, { returnTo: `/${'\u00fc'.repeat(128)}` })
    expect(transactions.open(cookieOf(begun), begun.state)?.returnTo).toBe('/')
    expect(log.about('returnto.rejected')).toEqual([
      { event: 'returnto.rejected', reason: 'too_long', length: 257 },
    ])
  })

  it('remembers extra scope, at the cost of a long returnTo', () => {
    const { transactions, begin } = bound(new Fixture())
    const scope = [randomId(256), randomId(256), randomId(256), randomId(256)]
    const begun = begin(undefined, { scope, returnTo: `/${'r'.repeat(150)}` })
    expect(transactions.open(cookieOf(begun), begun.state)).toMatchObject({ scope, returnTo: '/' })
    expect(begun.setCookies[0]?.length).toBeLessThanOrEqual(600)
    const long = Array.from({ length: 12 }, () => randomId(256))
    expect(() => begin(undefined, { scope: long })).toThrow(/scope/)
  })

  it('has room for every scope of a provider with many long ones', () => {
    const { transactions, begin } = bound(new Fixture())
    const scope = [
      'playlist',
      'user-library',
      'user-follow',
      'user-playback-state',
      'user-recently-played',
    ].flatMap((name) =>
      ['read', 'modify', 'read-private', 'read-collaborative'].map((verb) => `${name}-${verb}`),
    )
    expect(scope.join(' ').length).toBeGreaterThan(400)
    const begun = begin(undefined, { scope })
    expect(transactions.open(cookieOf(begun), begun.state)).toMatchObject({ scope, returnTo: '/me' })
    expect(begun.setCookies[0]?.length).toBeLessThanOrEqual(600)
  })

  it('is over after ten minutes, whatever the browser keeps', async () => {
    const { transactions, begin, clock } = bound(new Fixture())
    const begun = begin()
    await clock.advance(600)
    expect(transactions.open(cookieOf(begun), begun.state)).toMatchObject({ nonce: begun.nonce })
    await clock.advance(1)
    expect(transactions.open(cookieOf(begun), begun.state)).toBeUndefined()
    clock.step(-700)
    expect(transactions.open(cookieOf(begun), begun.state)).toBeUndefined()
  })

  it('cannot be made younger by renaming its cookie', async () => {
    const { transactions, begin, clock } = bound(new Fixture())
    const begun = begin()
    await clock.advance(700)
    const younger = Math.floor(clock.now()).toString(36)
    const renamed = cookieOf(begun).replace(/t\.[a-z0-9]+\./, `t.${younger}.`)
    expect(renamed).not.toBe(cookieOf(begun))
    expect(transactions.open(renamed, begun.state)).toBeUndefined()
  })

  it('case 16: refuses a cookie with any byte changed, and never throws', () => {
    const { transactions, begin } = bound(new Fixture())
    const begun = begin()
    const [name = '', value = ''] = cookieOf(begun).split('=')
    const sealed = Buffer.from(value, 'base64url')
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(transactions.open(`${name}=${changed.toString('base64url')}`, begun.state)).toBeUndefined()
    }
    for (const junk of ['', '%', '"x"', 'AAAA', value.slice(1), `${value}AAAA`]) {
      expect(transactions.open(`${name}=${junk}`, begun.state)).toBeUndefined()
    }
  })

  it('is not opened by another secret, and two cookies of one name count as none', () => {
    const { transactions, begin } = bound(new Fixture())
    const other = bound(new Fixture(httpsCookie, ['quite another secret']))
    const begun = begin()
    expect(other.transactions.open(cookieOf(begun), begun.state)).toBeUndefined()
    expect(transactions.open(`${cookieOf(begun)}; ${cookieOf(begun)}`, begun.state)).toBeUndefined()
  })

  it('case 86: keeps eight logins of a browser that begins 500, and each of the newest eight completes', async () => {
    const { transactions, begin, clock } = bound(new Fixture())
    const jar = new Map<string, string>()
    const begun: BegunTransaction[] = []
    for (let round = 0; round < 500; round += 1) {
      const one = begin(headerOf(jar), { returnTo: `/${'r'.repeat(255)}` })
      for (const setCookie of one.setCookies) store(jar, setCookie)
      begun.push(one)
      if (round % 3 === 0) await clock.advance(1)
    }
    expect(jar.size).toBe(8)
    expect(headerOf(jar).length).toBeLessThan(5_000)
    const open = begun.map(({ state }) => transactions.open(headerOf(jar), state) !== undefined)
    expect(open.slice(-8)).toEqual(Array.from({ length: 8 }, () => true))
    expect(open.slice(0, -8)).not.toContain(true)
  })

  it.each([
    { provider: 'other' },
    { identity: 'https://as.example other' },
    { redirectUri: 'https://app.example/callback/other' },
    { responseMode: 'form_post' },
  ] satisfies Partial<TransactionTarget>[])('case 5: tells a login apart from one with %o', (other) => {
    expect(transactionTarget({ ...target, ...other })).not.toBe(transactionTarget(target))
    expect(Buffer.from(transactionTarget(target), 'base64url')).toHaveLength(16)
  })
})

function bound(
  fixture: Fixture,
): Pick<Fixture, 'transactions' | 'clock' | 'log'> & { begin: Fixture['begin'] } {
  const { transactions, clock, log } = fixture
  return { transactions, clock, log, begin: fixture.begin.bind(fixture) }
}
