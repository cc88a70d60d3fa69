import type { Clock } from '../clock.ts'
import { equalInConstantTime } from '../crypto/constant-time.ts'
import { digest } from '../crypto/digest.ts'
import { randomId } from '../crypto/random.ts'
import type { Sealer } from '../crypto/seal.ts'
import { LatchkeyError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { User } from '../protocol/user.ts'
import { storeUnavailable } from '../store/guarded-store.ts'
import type {
  GrantRef,
  SessionDeleteOutcome,
  SessionWrite,
  SessionWriteOutcome,
  Store,
  SubjectStore,
  VersionedRecord,
} from '../store/store.ts'
import {
  type CookieSettings,
  type CookieShape,
  parseCookies,
  serializeCookie,
  sessionCookie,
} from './cookie.ts'
import { OpenedSessions } from './opened-sessions.ts'
import { type CompletedTransaction, grantRefOf, type SessionAccount, type SessionRecord } from './record.ts'

/** How long sign-in sessions last, and their cookie. */
export interface SessionSettings {
  /** Seconds without a request after which a session ends. */
  readonly idleSeconds: number
  /** Seconds after the sign-in at which a session ends whatever happens. */
  readonly absoluteSeconds: number
  readonly cookie: CookieSettings
}

/** A sign-in session as it stood in the store a moment ago. */
export interface Session {
  readonly locator: string
  readonly version: string
  readonly record: SessionRecord
}

/** A sign-in about to be stored. */
export interface SignIn {
  /** The browser's valid session: its slot is kept, its grants are replaced. */
  readonly current: Session | undefined
  readonly user: User
  readonly userId: string
  readonly account: Omit<SessionAccount, 'grantId'>
  readonly sealGrant: (ref: GrantRef) => VersionedRecord
  readonly completed: CompletedTransaction
}

/** A stored sign-in. */
export interface SignedIn {
  readonly session: Session
  /** Complete `Set-Cookie` value. */
  readonly setCookie: string
  /** What the session held before, to be revoked. */
  readonly replaced: readonly EndedGrant[]
}

/** A grant that is no longer stored. */
export interface EndedGrant {
  readonly account: SessionAccount
  readonly ref: GrantRef
  readonly record: VersionedRecord
  /** No other session of this account is left, so its whole authorization may be revoked. */
  readonly lastOfSubject: boolean
}

/** What {@link Sessions} works with. The store turns its failures into `store_unavailable`. */
export interface SessionParts {
  readonly store: Pick<Store, 'sessions' | 'subjects'>
  readonly sealer: Sealer
  readonly clock: Clock
  readonly log: Logger
  readonly settings: SessionSettings
}

/** 128 and 256 random bits as base64url, written the one canonical way. */
const cookieValue = /^([\w-]{21}[AQgw])\.([\w-]{42}[AEIMQUYcgkosw048])$/
/** How often a sign-in starts over because another one of the same browser was faster. */
const writeAttempts = 4

/** Sign-in sessions: the cookie says which, the sealed record says who. */
export class Sessions {
  readonly #store: SessionParts['store']
  readonly #clock: Clock
  readonly #log: Logger
  readonly #settings: SessionSettings
  readonly #cookie: CookieShape
  readonly #opened: OpenedSessions

  constructor({ store, sealer, clock, log, settings }: SessionParts) {
    this.#store = store
    this.#clock = clock
    this.#log = log
    this.#settings = settings
    this.#cookie = sessionCookie(settings.cookie)
    this.#opened = new OpenedSessions(sealer, log)
  }

  /**
   * The session that a raw `Cookie` header names; `undefined` for anything that does not prove one. One store command,
   * and none without a well-formed cookie of ours. Renews the idle time.
   * @throws {LatchkeyError} `store_unavailable`: the store failed, or the record needs a key or version we lack.
   */
  async resume(cookieHeader: string | undefined): Promise<Session | undefined> {
    const named = this.#read(cookieHeader)
    if (named === undefined) return undefined
    const session = await this.#load(named.locator)
    if (session === undefined) return undefined
    const proved = equalInConstantTime(session.record.secretDigest, secretDigest(named.secret))
    return proved ? session : undefined
  }

  /**
   * Stores a sign-in with its grant in one step. Over a valid session the slot stays and the secret is new, so the old
   * cookie dies in that step; otherwise the slot is new too.
   * @throws {LatchkeyError} `store_unavailable`; `login_required` when all sessions of the account were ended meanwhile.
   */
  async signIn(request: SignIn): Promise<SignedIn> {
    const secret = randomId(256)
    let current = request.current
    for (let attempt = 0; attempt < writeAttempts; attempt += 1) {
      const outcome = await this.#write({ ...request, current }, secret)
      if (outcome !== 'moved') return outcome
      // Another sign-in of this browser was faster, or the session is gone. The newest one wins.
      const before = current
      current = before && (await this.#load(before.locator))
      if (current === undefined && before) await this.#leave(request.account.subject, before.locator)
    }
    throw storeUnavailable('contended')
  }

  /**
   * Ends a session: its slot first, then the index. What it returns is to be revoked. A sign-in of the same browser that
   * was faster ends with it.
   * @throws {LatchkeyError} `store_unavailable`: the session may or may not be there still.
   */
  async end(session: Session): Promise<readonly EndedGrant[]> {
    let current = session
    for (let attempt = 0; attempt < writeAttempts; attempt += 1) {
      const { locator, version, record } = current
      const ids = record.accounts.map((account) => account.grantId)
      const remove = (): Promise<SessionDeleteOutcome> => this.#store.sessions.delete(locator, version, ids)
      const deleted = await remove().catch(remove)
      if (deleted.outcome === 'deleted') {
        this.#opened.forget(locator)
        return this.#ended(current, deleted.deletedGrants)
      }
      const moved = await this.#load(locator)
      if (moved === undefined) return []
      current = moved
    }
    throw storeUnavailable('contended')
  }

  /** The `Set-Cookie` value that removes the sign-in cookie. */
  clearCookie(): string {
    return serializeCookie(this.#cookie, '', 0)
  }

  #read(cookieHeader: string | undefined): { locator: string; secret: string } | undefined {
    if (!cookieHeader?.includes(this.#cookie.name)) return undefined
    const found = parseCookies(cookieHeader)
      .filter(({ name }) => name === this.#cookie.name)
      .flatMap(({ value }) => [cookieValue.exec(value) ?? []])
      .flatMap(([, locator, secret]) => (locator && secret ? [{ locator, secret }] : []))
    if (found.length > 1) {
      const message = 'A browser sent several cookies of our name; none of them counts.'
      this.#log.warn({ event: 'cookie.duplicate', count: found.length }, message)
      return undefined
    }
    return found[0]
  }

  async #load(locator: string): Promise<Session | undefined> {
    const found = await this.#store.sessions.read(locator, this.#ttlSeconds(this.#opened.expiresAt(locator)))
    const record = found && this.#opened.open(locator, found)
    if (found === undefined || record === undefined || record.expiresAt <= this.#clock.now()) return undefined
    return { locator, version: found.version, record }
  }

  /** The idle time, or what is left until `expiresAt` when that is less. */
  #ttlSeconds(expiresAt: number | undefined): number {
    const { idleSeconds } = this.#settings
    if (expiresAt === undefined) return idleSeconds
    return Math.max(1, Math.min(idleSeconds, Math.ceil(expiresAt - this.#clock.now())))
  }

  async #write(request: SignIn, secret: string): Promise<SignedIn | 'moved'> {
    const locator = request.current?.locator ?? randomId(128)
    const record = this.#newRecord(request, secret)
    const { subject, grantId } = record.accounts[0]
    const joined = await this.#store.subjects.join(subject, locator, record.expiresAt)
    const sealed = this.#opened.seal(locator, record)
    const ttlSeconds = this.#ttlSeconds(record.expiresAt)
    const grant = request.sealGrant(grantRefOf(locator, record.accounts[0]))
    const written = await this.#writeOnce(locator, subject, {
      expectedVersion: request.current?.version,
      record: sealed,
      ttlSeconds,
      putGrants: [{ id: grantId, record: grant, ttlSeconds: this.#settings.absoluteSeconds }],
      deleteGrants: request.current?.record.accounts.map((account) => account.grantId) ?? [],
    })
    if (written.outcome === 'moved') return 'moved'
    await this.#refuseIfEnded({ locator, version: sealed.version, record }, joined.now)
    return {
      session: { locator, version: sealed.version, record },
      setCookie: serializeCookie(this.#cookie, `${locator}.${secret}`, this.#settings.absoluteSeconds),
      replaced: request.current ? await this.#ended(request.current, written.deletedGrants, subject) : [],
    }
  }

  #newRecord(
    request: SignIn,
    secret: string,
  ): SessionRecord & { readonly accounts: readonly [SessionAccount] } {
    const loginAt = this.#clock.now()
    return {
      user: request.user,
      userId: request.userId,
      accounts: [{ ...request.account, grantId: randomId(128) }],
      loginAt,
      expiresAt: loginAt + this.#settings.absoluteSeconds,
      secretDigest: secretDigest(secret),
      completed: request.completed,
    }
  }

  /**
   * A write whose answer was lost is asked for once more: the store answers the same for the same record. What the lost
   * answer said of the replaced grants is lost with it, and their tokens die of age.
   */
  async #writeOnce(locator: string, subject: string, write: SessionWrite): Promise<SessionWriteOutcome> {
    const send = (): Promise<SessionWriteOutcome> => this.#store.sessions.write(locator, write)
    try {
      return await send().catch(send)
    } catch (error) {
      // Nobody will get the cookie of a new session, so it must not count as one. An old one may stand as it was.
      if (write.expectedVersion === undefined) await this.#leave(subject, locator)
      throw error
    }
  }

  /** All sessions of the account may have been ended between our join and our write: then this one never was. */
  async #refuseIfEnded({ locator, version, record }: Session, joinedAt: number): Promise<void> {
    for (const { subject, grantId } of record.accounts) {
      const join = (): ReturnType<SubjectStore['join']> =>
        this.#store.subjects.join(subject, locator, record.expiresAt)
      const { notBefore } = await join().catch(join)
      if (notBefore === undefined || joinedAt > notBefore) continue
      await this.#store.sessions.delete(locator, version, [grantId])
      await this.#store.subjects.leave(subject, locator)
      const message = 'All sessions of this account were ended while it was signing in. Sign in again.'
      throw new LatchkeyError('login_required', message, { reason: 'signed_out' })
    }
  }

  async #ended(
    { locator, record }: Session,
    records: readonly (VersionedRecord | undefined)[],
    keptSubject?: string,
  ): Promise<readonly EndedGrant[]> {
    const ended = record.accounts.map(async (account, index) => {
      const left = account.subject === keptSubject ? 1 : await this.#leave(account.subject, locator)
      const grant = records[index]
      const ref = grantRefOf(locator, account)
      return grant === undefined ? [] : [{ account, ref, record: grant, lastOfSubject: left === 0 }]
    })
    return (await Promise.all(ended)).flat()
  }

  /** How many sessions the subject has left. The session is over already, so a store failure stops nothing here. */
  async #leave(subject: string, locator: string): Promise<number> {
    const leave = (): Promise<number> => this.#store.subjects.leave(subject, locator)
    return leave()
      .catch(leave)
      .catch(() => {
        const message =
          'The index of sessions was not told of an end: for a while this account may not be revoked.'
        this.#log.warn({ event: 'revocation.failed', reason: 'index' }, message)
        return Number.POSITIVE_INFINITY
      })
  }
}

function secretDigest(secret: string): string {
  return digest('session secret', secret)
}
