import { describe, expect, it } from 'vitest'
import { randomId } from '../crypto/random.ts'
import { Sealer } from '../crypto/seal.ts'
import { decodeSessionRecord, encodeSessionRecord } from './record.ts'
import {
  absoluteSeconds,
  accountOf,
  type Command,
  idleSeconds,
  pairOf,
  SessionsFixture,
  sealGrant,
  secrets,
  startAt,
} from './session.fixture.ts'
import { userKey } from './session-index.ts'
import type { Session } from './sessions.ts'

const gone = new Error('The connection to the store was lost.')

/** Throws in place of the named command, as often as asked. */
function failing(name: string, times = 1): (command: Command) => void {
  let left = times
  return (command) => {
    if (command.name === name && left-- > 0) throw gone
  }
}

async function signedIn(fixture = new SessionsFixture()) {
  const { session, setCookie } = await fixture.signIn()
  return { ...fixture, fixture, session, setCookie, cookie: pairOf(setCookie) }
}

describe('Sessions.resume', () => {
  it('finds who signed in with one store command, and opens each version once', async () => {
    const { sessions, session, cookie, watched } = await signedIn()
    watched.commands.length = 0
    const resumed = await sessions.resume(`a=1; ${cookie}`)
    expect(resumed).toEqual(session)
    expect(watched.names).toEqual(['sessions.read'])
    const again = await sessions.resume(cookie)
    expect(again?.record).toBe(resumed?.record)
  })

  it('asks the store nothing without a cookie of ours', async () => {
    const { sessions, watched } = new SessionsFixture()
    for (const header of [undefined, '', 'a=1', '__Host-latchkey=', 'latchkey=x.y']) {
      expect(await sessions.resume(header)).toBeUndefined()
    }
    expect(watched.commands).toEqual([])
  })

  it('case 27: asks the store nothing for a crafted locator, and creates nothing for an unknown one', async () => {
    const { sessions, watched, session } = await signedIn()
    watched.commands.length = 0
    const secret = randomId(256)
    const crafted = [
      'lock:x',
      'idx:x',
      'https://iss|sub',
      '*',
      'a\r\nb',
      '\u0000',
      'x'.repeat(10_000),
      '',
      '../x',
    ]
    crafted.push(`${session.locator}x`, session.locator.slice(1), `${session.locator.slice(0, 21)}B`)
    for (const locator of crafted) {
      expect(await sessions.resume(`__Host-latchkey=${locator}.${secret}`)).toBeUndefined()
    }
    for (const value of [session.locator, `${session.locator}.`, `${session.locator}.${secret}.${secret}`]) {
      expect(await sessions.resume(`__Host-latchkey=${value}`)).toBeUndefined()
    }
    expect(watched.commands).toEqual([])
    expect(await sessions.resume(`__Host-latchkey=${randomId(128)}.${secret}`)).toBeUndefined()
    expect(watched.names).toEqual(['sessions.read'])
  })

  it('refuses the right locator with a wrong secret', async () => {
    const { sessions, session, cookie } = await signedIn()
    expect(await sessions.resume(`__Host-latchkey=${session.locator}.${randomId(256)}`)).toBeUndefined()
    expect(await sessions.resume(cookie)).toMatchObject({ record: { userId: 'example:ada' } })
  })

  it('case 30: counts no quoted, misspelt or doubled cookie, and deletes nothing', async () => {
    const { sessions, cookie, watched, log } = await signedIn()
    const value = cookie.slice(cookie.indexOf('=') + 1)
    watched.commands.length = 0
    const odd = [`__Host-latchkey="${value}"`, `\u00a0${cookie}`, `=${cookie}`, `__host-latchkey=${value}`]
    for (const header of odd) expect(await sessions.resume(header)).toBeUndefined()
    expect(await sessions.resume(`${cookie}; ${cookie}`)).toBeUndefined()
    expect(
      await sessions.resume(`${cookie}; a=1; __Host-latchkey=${randomId(128)}.${randomId(256)}`),
    ).toBeUndefined()
    expect(await sessions.resume(`__Host-latchkey=garbage; ${cookie}; __Host-latchkey=`)).toBeUndefined()
    expect(watched.commands).toEqual([])
    expect(log.about('cookie.duplicate')).toEqual([
      { event: 'cookie.duplicate', count: 2 },
      { event: 'cookie.duplicate', count: 2 },
      { event: 'cookie.duplicate', count: 3 },
    ])
    expect(
      await sessions.resume(`$Version=1; ${odd.slice(1).join('; ')}; ${cookie}; other="x`),
    ).toMatchObject({
      record: { userId: 'example:ada' },
    })
  })

  it('case 33: refuses an idle, an expired and a signed-out session', async () => {
    const idle = await signedIn()
    await idle.clock.advance(idleSeconds + 1)
    expect(await idle.sessions.resume(idle.cookie)).toBeUndefined()

    const used = await signedIn()
    for (let day = 1; day < 30; day += 1) {
      await used.clock.advance(86_400)
      expect(await used.sessions.resume(used.cookie)).toMatchObject({ record: { userId: 'example:ada' } })
    }
    await used.clock.advance(86_400)
    expect(await used.sessions.resume(used.cookie)).toBeUndefined()

    const ended = await signedIn()
    await ended.sessions.endings.end(ended.session)
    expect(await ended.sessions.resume(ended.cookie)).toBeUndefined()
  })

  it('case 33: refuses a record past its absolute limit that the store never lets expire', async () => {
    const { sessions, session, cookie, store, clock } = await signedIn()
    await store.sessions.read(session.locator, 10 * absoluteSeconds)
    await clock.advance(absoluteSeconds - 1)
    expect(await sessions.resume(cookie)).toMatchObject({ record: { userId: 'example:ada' } })
    await store.sessions.read(session.locator, 10 * absoluteSeconds)
    await clock.advance(1)
    expect(await sessions.resume(cookie)).toBeUndefined()
  })

  it('hands the store a time to live that never passes the absolute limit', async () => {
    const { sessions, cookie, clock, watched } = await signedIn()
    for (let day = 0; day < 29; day += 1) {
      await sessions.resume(cookie)
      await clock.advance(86_400.25)
    }
    await sessions.resume(cookie)
    const asked = watched.commands.filter(({ name }) => name === 'sessions.read').map(({ args }) => args[1])
    expect(asked[0]).toBe(idleSeconds)
    expect(asked.at(-1)).toBe(Math.ceil(absoluteSeconds - 29 * 86_400.25))
    expect(Math.max(...asked.map(Number))).toBe(idleSeconds)
  })

  it('keeps session and cookie when the store fails once (S-1)', async () => {
    const { sessions, cookie, watched } = await signedIn()
    watched.before = failing('sessions.read')
    await expect(sessions.resume(cookie)).rejects.toMatchObject({ code: 'store_unavailable', status: 503 })
    expect(watched.names).not.toContain('sessions.delete')
    expect(await sessions.resume(cookie)).toMatchObject({ record: { userId: 'example:ada' } })
  })

  it('case 45: never signs anybody in by a record that was flipped, cut or swapped, and keeps it', async () => {
    const { fixture, session, cookie, store, log } = await signedIn()
    const { session: other } = await fixture.signIn(undefined, { userId: 'example:eve' })
    const own = await store.sessions.read(session.locator, 60)
    const foreign = await store.sessions.read(other.locator, 60)
    if (!own || !foreign) throw new Error('The records are there.')
    const outcomes = new Map<string, number>()
    const present = async (sealed: Uint8Array, version: string): Promise<string> => {
      const process = fixture.another()
      const written = { version, sealed }
      const stored = await store.sessions.read(session.locator, 60)
      await store.sessions.delete(session.locator, stored?.version ?? '', [])
      await store.sessions.write(session.locator, {
        expectedVersion: undefined,
        record: written,
        ttlSeconds: 60,
        putGrants: [],
        deleteGrants: [],
      })
      expect(stored?.version).toMatch(/^[\w-]{22}$/)
      return process.resume(cookie).then(
        (resumed) => (resumed === undefined ? 'anonymous' : 'signed in'),
        (error: { code: string }) => error.code,
      )
    }
    const note = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    for (let at = 0; at < own.sealed.length; at += 1) {
      const flipped = Buffer.from(own.sealed)
      flipped[at] = (flipped[at] ?? 0) ^ 0x20
      note(await present(flipped, own.version))
    }
    for (let length = 0; length < own.sealed.length; length += 7) {
      note(await present(own.sealed.subarray(0, length), own.version))
    }
    note(await present(foreign.sealed, foreign.version))
    note(await present(own.sealed, randomId(128)))
    expect(await present(own.sealed, own.version)).toBe('signed in')
    expect([...outcomes.keys()].sort()).toEqual(['anonymous', 'store_unavailable'])
    // The five bytes of format and key id say that another process may be able to open it.
    expect(outcomes.get('store_unavailable')).toBe(5)
    expect(log.about('vault.corrupt').length).toBe([...outcomes.values()].reduce((sum, count) => sum + count))
    expect((await store.sessions.read(session.locator, 60))?.sealed.length).toBeGreaterThan(0)
  })

  it('answers store_unavailable, and deletes nothing, where the secret of a record is missing', async () => {
    const { fixture, cookie, sessions, watched } = await signedIn()
    const lacking = fixture.another(['a secret that sealed nothing'])
    await expect(lacking.resume(cookie)).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(watched.names).not.toContain('sessions.delete')
    expect(await sessions.resume(cookie)).toMatchObject({ record: { userId: 'example:ada' } })
    const rotated = fixture.another(['a new secret', secrets[0]])
    expect(await rotated.resume(cookie)).toMatchObject({ record: { userId: 'example:ada' } })
  })

  it('case 50: leaves a record of a newer version alone with 503, and takes a senseless one for nobody', async () => {
    const { fixture, session, cookie, store, watched } = await signedIn()
    const sealer = new Sealer(secrets)
    const put = async (json: string): Promise<void> => {
      const standing = await store.sessions.read(session.locator, 60)
      const version = randomId(128)
      const sealed = sealer.seal({ kind: 'session', name: session.locator, version }, Buffer.from(json))
      await store.sessions.write(session.locator, {
        expectedVersion: standing?.version,
        record: { version, sealed },
        ttlSeconds: 60,
        putGrants: [],
        deleteGrants: [],
      })
    }
    const json = Buffer.from(encodeSessionRecord(session.record)).toString()
    await put(json.replace('"schema":1', '"schema":2'))
    await expect(fixture.another().resume(cookie)).rejects.toMatchObject({ code: 'store_unavailable' })
    for (const senseless of [
      'null',
      '{}',
      '[]',
      '{"error":"x"}',
      json.slice(1),
      '{"schema":1,"__proto__":{}}',
    ]) {
      await put(senseless)
      expect(await fixture.another().resume(cookie)).toBeUndefined()
    }
    expect(watched.names).not.toContain('sessions.delete')
    expect(decodeSessionRecord(Buffer.from(json))).toEqual(session.record)
  })

  it('case 28: takes nothing that was sealed as another kind for a session', async () => {
    const { fixture, session, cookie, store } = await signedIn()
    const sealer = new Sealer(secrets)
    for (const kind of ['grant', 'transaction', 'form_post'] as const) {
      const standing = await store.sessions.read(session.locator, 60)
      const version = randomId(128)
      const plaintext = encodeSessionRecord(session.record)
      const sealed = sealer.seal({ kind, name: session.locator, version }, plaintext)
      const write = { ttlSeconds: 60, putGrants: [], deleteGrants: [], record: { version, sealed } }
      await store.sessions.write(session.locator, { expectedVersion: standing?.version, ...write })
      expect(await fixture.another().resume(cookie)).toBeUndefined()
    }
  })
})

describe('Sessions.signIn', () => {
  it('sets a cookie that lasts to the absolute limit and holds nothing but two random values', async () => {
    const { setCookie, session } = await signedIn()
    expect(setCookie).toMatch(
      /^__Host-latchkey=[\w-]{22}\.[\w-]{43}; Max-Age=2592000; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    )
    expect(session.record).toMatchObject({ loginAt: startAt, expiresAt: startAt + absoluteSeconds })
    const secret = pairOf(setCookie).split('.')[1] ?? ''
    expect(JSON.stringify(session)).not.toContain(secret)
  })

  it('case 26: gives a new locator without a session, and a new secret over one, which kills the old cookie', async () => {
    const first = await signedIn()
    const { fixture, sessions } = first
    const planted = await fixture.signIn()
    expect(planted.session.locator).not.toBe(first.session.locator)

    const current = await sessions.resume(first.cookie)
    const second = await fixture.signIn(current)
    expect(second.session.locator).toBe(first.session.locator)
    expect(second.session.version).not.toBe(first.session.version)
    expect(await sessions.resume(first.cookie)).toBeUndefined()
    expect(await sessions.resume(pairOf(second.setCookie))).toEqual(second.session)
    expect(await sessions.resume(pairOf(planted.setCookie))).toMatchObject({
      record: { userId: 'example:ada' },
    })
  })

  it('replaces the grants of the session in the same step and returns them', async () => {
    const { fixture, session, store } = await signedIn()
    const old = { slot: session.locator, id: session.record.accounts[0]?.grantId ?? '' }
    const eve = accountOf('eve')
    const { replaced, session: renewed } = await fixture.signIn(session, {
      account: eve,
      userId: 'example:eve',
    })
    expect(replaced).toEqual([
      { account: session.record.accounts[0], ref: old, record: sealGrant(old), lastOfSubject: true },
    ])
    expect(await store.grants.read(old)).toBeUndefined()
    const grantId = renewed.record.accounts[0]?.grantId ?? ''
    const ref = { slot: renewed.locator, id: grantId }
    expect(await store.grants.read(ref)).toEqual(sealGrant(ref))
  })

  it('does not call a replaced grant the last one of the subject that signs in again', async () => {
    const { fixture, session } = await signedIn()
    const { replaced } = await fixture.signIn(session)
    expect(replaced).toMatchObject([{ lastOfSubject: false }])
  })

  it('keeps the newest of two sign-ins of one browser that meet, with the grant of that one only', async () => {
    const { fixture, session, watched, sessions, store } = await signedIn()
    let other: { session: Session; setCookie: string } | undefined
    watched.before = async ({ name }) => {
      if (name !== 'sessions.write' || other !== undefined) return
      watched.before = () => {}
      other = await fixture.signIn(session)
    }
    const late = await fixture.signIn(session)
    expect(late.session.locator).toBe(session.locator)
    expect(await sessions.resume(pairOf(other?.setCookie ?? ''))).toBeUndefined()
    expect(await sessions.resume(pairOf(late.setCookie))).toMatchObject({ record: { userId: 'example:ada' } })
    expect(late.replaced.map(({ ref }) => ref.id)).toEqual([other?.session.record.accounts[0]?.grantId])
    const grants = [session, other?.session, late.session].map(
      (each) => each?.record.accounts[0]?.grantId ?? '',
    )
    const found = await Promise.all(grants.map((id) => store.grants.read({ slot: session.locator, id })))
    expect(found.map((grant) => grant !== undefined)).toEqual([false, false, true])
  })

  it('takes a new locator when the session was signed out meanwhile', async () => {
    const { fixture, session, watched, sessions } = await signedIn()
    watched.before = async ({ name }) => {
      if (name !== 'sessions.write') return
      watched.before = () => {}
      await sessions.endings.end(session)
    }
    const { session: renewed, setCookie } = await fixture.signIn(session)
    expect(renewed.locator).not.toBe(session.locator)
    expect(await sessions.resume(pairOf(setCookie))).toEqual(renewed)
    const [ended] = await sessions.endings.end(renewed)
    expect(ended?.lastOfSubject).toBe(true)
  })

  it('asks again when the answer of its write was lost', async () => {
    const fixture = new SessionsFixture()
    fixture.watched.after = failing('sessions.write')
    const { setCookie } = await fixture.signIn()
    expect(await fixture.sessions.resume(pairOf(setCookie))).toMatchObject({
      record: { userId: 'example:ada' },
    })
    expect(fixture.watched.names.filter((name) => name === 'sessions.write')).toHaveLength(2)
  })

  it('answers store_unavailable when the store stays away', async () => {
    const fixture = new SessionsFixture()
    fixture.watched.before = failing('sessions.write', 9)
    await expect(fixture.signIn()).rejects.toMatchObject({ code: 'store_unavailable' })
  })

  it('is undone when all sessions of the account were ended while it ran', async () => {
    const fixture = new SessionsFixture()
    const { store } = fixture
    fixture.watched.after = ({ name }) => (name === 'subjects.notBefore' ? startAt : undefined)
    await expect(fixture.signIn()).rejects.toMatchObject({ code: 'login_required', reason: 'signed_out' })
    expect(fixture.watched.names).toContain('sessions.delete')
    expect([
      await fixture.sessions.count('example:ada'),
      await store.subjects.count('subject of ada'),
    ]).toEqual([0, 0])
    const locator = fixture.watched.commands.find(({ name }) => name === 'sessions.write')?.args[0]
    expect(await store.sessions.read(String(locator), 60)).toBeUndefined()
  })

  it('does not count a session that could not be written as one of the account', async () => {
    const fixture = new SessionsFixture()
    fixture.watched.before = failing('sessions.write', 2)
    await expect(fixture.signIn()).rejects.toMatchObject({ code: 'store_unavailable' })
    fixture.watched.before = () => {}
    const { session } = await fixture.signIn()
    expect(await fixture.sessions.endings.end(session)).toMatchObject([{ lastOfSubject: true }])
  })

  it('hands its cookie out when the store goes away before the last look, which is taken later', async () => {
    const fixture = new SessionsFixture()
    fixture.watched.before = failing('subjects.notBefore', 99)
    const stays = await fixture.signIn()
    fixture.watched.after = async ({ name }) => {
      if (name === 'sessions.write') await fixture.store.subjects.end(userKey('example:grace'), 60)
    }
    const user = { provider: 'example', id: 'grace' }
    const goes = await fixture.signIn(undefined, {
      user,
      userId: 'example:grace',
      account: accountOf('grace'),
    })
    fixture.watched.before = () => {}
    expect(fixture.left).toHaveLength(2)
    for (const work of fixture.left) await work()
    expect(await fixture.sessions.resume(pairOf(stays.setCookie))).toMatchObject({
      locator: stays.session.locator,
    })
    expect(await fixture.sessions.resume(pairOf(goes.setCookie))).toBeUndefined()
  })

  it('asks once more when the last look at the account fails, so that the new cookie is not lost', async () => {
    const { fixture, session } = await signedIn()
    let looks = 0
    fixture.watched.before = ({ name }) => {
      if (name !== 'subjects.notBefore') return
      looks += 1
      if (looks === 1) throw new Error('connection lost')
    }
    const { setCookie } = await fixture.signIn(session)
    expect(await fixture.sessions.resume(pairOf(setCookie))).toMatchObject({
      record: { userId: 'example:ada' },
    })
    expect(looks).toBe(3)
  })
})

describe('Sessions.end', () => {
  it('deletes the session first, then leaves the index, and returns the grants', async () => {
    const { sessions, session, watched } = await signedIn()
    watched.commands.length = 0
    const ref = { slot: session.locator, id: session.record.accounts[0]?.grantId ?? '' }
    expect(await sessions.endings.end(session)).toEqual([
      { account: session.record.accounts[0], ref, record: sealGrant(ref), lastOfSubject: true },
    ])
    expect(watched.names).toEqual(['sessions.delete', 'subjects.leave', 'subjects.leave'])
  })

  it('knows that the account has another session left', async () => {
    const { fixture, sessions, session } = await signedIn()
    const { session: second } = await fixture.signIn()
    expect(await sessions.endings.end(session)).toMatchObject([{ lastOfSubject: false }])
    expect(await sessions.endings.end(second)).toMatchObject([{ lastOfSubject: true }])
  })

  it('is done although the index cannot be reached, and then takes no grant for the last one', async () => {
    const { sessions, session, cookie, watched } = await signedIn()
    watched.before = failing('subjects.leave', 2)
    expect(await sessions.endings.end(session)).toMatchObject([{ lastOfSubject: false }])
    expect(await sessions.resume(cookie)).toBeUndefined()
  })

  it('settles a lost answer by asking again, of the session and of the index', async () => {
    for (const command of ['sessions.delete', 'subjects.leave']) {
      const { fixture, sessions, session, watched } = await signedIn()
      watched.before = failing(command)
      expect(await sessions.endings.end(session)).toMatchObject([{ lastOfSubject: true }])
      const { session: next } = await fixture.signIn()
      expect(await sessions.endings.end(next)).toMatchObject([{ lastOfSubject: true }])
    }
  })

  it('says that nothing is known when the store fails', async () => {
    const { sessions, session, cookie, watched } = await signedIn()
    watched.before = failing('sessions.delete', 2)
    await expect(sessions.endings.end(session)).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(await sessions.resume(cookie)).toMatchObject({ record: { userId: 'example:ada' } })
  })

  it('ends what a sign-in of the same browser has just put there, so that nothing stays behind', async () => {
    const { fixture, sessions, session, store } = await signedIn()
    const { session: newer } = await fixture.signIn(session)
    const [account] = newer.record.accounts
    const ended = await sessions.endings.end(session)
    expect(ended.map((grant) => grant.account)).toEqual([account])
    expect(await store.sessions.read(session.locator, 60)).toBeUndefined()
    expect(await store.grants.read({ slot: session.locator, id: account?.grantId ?? '' })).toBeUndefined()
  })

  it('removes the cookie with the attributes it was set with', () => {
    const { sessions } = new SessionsFixture()
    expect(sessions.clearCookie()).toBe('__Host-latchkey=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax')
  })
})
