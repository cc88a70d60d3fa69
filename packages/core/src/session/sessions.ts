import type { Clock } from '../clock.ts'
import { randomId } from '../crypto/random.ts'
import type { Sealer } from '../crypto/seal.ts'
import { LatchkeyError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { isStoreAway } from '../store/ask-again.ts'
import { storeUnavailable } from '../store/guarded-store.ts'
import type { Store } from '../store/store.ts'
import { accountsWith, arrivalOf, isSameAccount, placeOf } from './arrival.ts'
import type { CookieSettings } from './cookie.ts'
import { hasPlace, SessionEndings } from './endings.ts'
import type { Aftermath } from './left-places.ts'
import type { SessionRecord } from './record.ts'
import { newMember, SessionIndex, userKey } from './session-index.ts'
import { type Session, SessionSlots } from './session-slots.ts'
import { type Attempt, type SessionChange, SessionWrites, secondsLeft } from './session-writes.ts'
import type { Addition, SignedIn, SignIn } from './sign-in.ts'
import { isProved, newSecret, SignInCookie, secretDigest } from './sign-in-cookie.ts'

export type { BroughtAccount, BroughtGrant } from './arrival.ts'
export type { EndedGrant } from './left-places.ts'
export type { Session } from './session-slots.ts'
export type { Addition, SignedIn, SignIn } from './sign-in.ts'

/** A session as this process saw it last. */
export type KnownSession = Omit<Session, 'version'>

/** How long sign-in sessions last, and their cookie. */
export interface SessionSettings {
  /** Seconds without a request after which a session ends. */
  readonly idleSeconds: number
  /** Seconds after the sign-in at which a session ends whatever happens. */
  readonly absoluteSeconds: number
  readonly cookie: CookieSettings
}

/** What {@link Sessions} works with. The store turns its failures into `store_unavailable`. */
export interface SessionParts {
  readonly store: Pick<Store, 'sessions' | 'subjects'>
  readonly sealer: Sealer
  readonly clock: Clock
  readonly log: Logger
  readonly settings: SessionSettings
}

const nobody: Promise<undefined> = Promise.resolve(undefined)
/** How often a sign-in starts over because another one of the same browser was faster. */
const writeAttempts = 4

/** Sign-in sessions: the cookie says which, the sealed record says who. */
export class Sessions {
  /** How sessions end, and lose accounts. */
  readonly endings: SessionEndings
  readonly #slots: SessionSlots
  readonly #index: SessionIndex
  readonly #writes: SessionWrites
  readonly #clock: Clock
  readonly #settings: SessionSettings
  readonly #cookie: SignInCookie

  constructor({ store, sealer, clock, log, settings }: SessionParts) {
    const { idleSeconds, absoluteSeconds } = settings
    this.#slots = new SessionSlots({ store: store.sessions, sealer, clock, log, idleSeconds })
    this.#index = new SessionIndex(store.subjects, log)
    this.endings = new SessionEndings(this.#slots, this.#index, absoluteSeconds)
    this.#writes = new SessionWrites(this.#slots, this.endings, clock)
    this.#clock = clock
    this.#settings = settings
    this.#cookie = new SignInCookie(settings.cookie, log)
  }

  /**
   * The session that a raw `Cookie` header names; `undefined` for anything that does not prove one. One store command,
   * and none without a well-formed cookie of ours. Renews the idle time.
   * @param meanwhile called while the session is read, where this process knows it and the cookie proves it as it was
   *   then. It may have ended since: so it may ask, and must tell nobody.
   * @throws {LatchkeyError} `store_unavailable`: the store failed, or the record needs a key or version we lack.
   */
  resume(
    cookieHeader: string | undefined,
    meanwhile?: (known: KnownSession) => void,
  ): Promise<Session | undefined> {
    const named = this.#cookie.read(cookieHeader)
    if (named === undefined) return nobody
    const { locator } = named
    const known = this.#slots.known(locator)
    const loading = this.#slots.load(locator, known)
    const isKnownProved = known !== undefined && isProved(named, known)
    if (isKnownProved) meanwhile?.({ locator, record: known })
    return loading.then((session) => {
      const isSame = session?.record === known
      return session && (isSame ? isKnownProved : isProved(named, session.record)) ? session : undefined
    })
  }

  /** How many sessions a user has now. @throws {LatchkeyError} `store_unavailable` */
  count(userId: string): Promise<number> {
    return this.#index.count(userKey(userId))
  }

  /**
   * Stores a sign-in with its grant in one step. Over a valid session the slot stays and the secret is new, so the old
   * cookie dies in that step; otherwise the slot is new too.
   * @throws {LatchkeyError} `store_unavailable`; `login_required` when all sessions of the account were ended meanwhile.
   */
  async signIn(request: SignIn): Promise<SignedIn> {
    const secret = newSecret()
    return this.#attempt(request, async (attempt) => {
      let { current } = request
      for (let turn = 0; turn < writeAttempts; turn += 1) {
        const outcome = await this.#writeSignIn({ ...request, current }, secret, attempt)
        if (outcome !== 'moved') return outcome
        // Another sign-in of this browser was faster, or the session is gone. The newest one wins.
        current = current && (await this.#slots.load(current.locator))
      }
      throw storeUnavailable('contended')
    })
  }

  /**
   * Adds an account to a session, or replaces its grant there. Login time and user stay; the secret is new, so the old
   * cookie dies in that step.
   * @throws {LatchkeyError} `store_unavailable`; `login_required`: the session ended or became another user's meanwhile,
   *   or the account that it renews was disconnected.
   */
  async add(addition: Addition): Promise<SignedIn> {
    const secret = newSecret()
    return this.#attempt(addition, async (attempt) => {
      let { current } = addition
      for (let turn = 0; turn < writeAttempts; turn += 1) {
        const outcome = await this.#writeAddition({ ...addition, current }, secret, attempt)
        if (outcome !== 'moved') return outcome
        const moved = await this.#slots.load(current.locator)
        if (moved?.record.userId !== current.record.userId) throw signedOut()
        if (!has(moved, addition.renews)) throw disconnected()
        current = moved
      }
      throw storeUnavailable('contended')
    })
  }

  /** The `Set-Cookie` value that removes the sign-in cookie. */
  clearCookie(): string {
    return this.#cookie.clear()
  }

  /**
   * Each turn takes places in the indexes, and gives those of the one before back only then: in between, what its user
   * shares with the session must not end. Where it fails, nobody gets the cookie: what it would have opened must neither
   * stay nor count as a session.
   */
  async #attempt(aftermath: Aftermath, store: (attempt: Attempt) => Promise<SignedIn>): Promise<SignedIn> {
    const attempt: Attempt = { places: [], unsettled: undefined }
    try {
      return await store(attempt)
    } catch (error) {
      const { ended, later } = aftermath
      await this.#nowOrLater(later, async () => {
        const standing = attempt.unsettled && (await this.endings.takeBack(attempt.unsettled, aftermath))
        const places = attempt.places.filter(({ member }) => !hasPlace(standing, member))
        ended(await this.endings.giveBack(places))
      })
      throw error
    }
  }

  async #nowOrLater(later: Aftermath['later'], work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!isStoreAway(error)) throw error
      later(work)
    }
  }

  /** User's index, subject's slot, session's slot: in this order it is safe to stop anywhere. */
  async #writeSignIn(request: SignIn, secret: string, attempt: Attempt): Promise<SignedIn | 'moved'> {
    const { current, user, userId, kept, completed, ended, later } = request
    const { places } = attempt
    const loginAt = this.#clock.now()
    const expiresAt = loginAt + this.#settings.absoluteSeconds
    const member = newMember(current?.locator ?? randomId(128), expiresAt)
    const earlier = places.length
    places.push({ key: userKey(userId), member }, placeOf(request.account, member))
    const joined = await this.#index.join(userKey(userId), member)
    const arrival = await arrivalOf(request.account, member, this.#index)
    ended(await this.endings.giveBack(places.splice(0, earlier)))
    const record: SessionRecord = {
      user,
      userId,
      accounts: [arrival.account, ...kept.filter((one) => !isSameAccount(one, arrival.account))],
      membership: { id: member.id, joinedAt: joined.now },
      loginAt,
      expiresAt,
      secretDigest: secretDigest(secret),
      completed,
    }
    const outcome = await this.#write({ current, record, arrival, ended, later }, secret, attempt)
    if (outcome !== 'moved') await this.#refuseIfEnded(outcome.session, request)
    return outcome
  }

  async #writeAddition(
    { current, account, completed, ended, later }: Addition,
    secret: string,
    attempt: Attempt,
  ): Promise<SignedIn | 'moved'> {
    const { record } = current
    const { places } = attempt
    const member = newMember(current.locator, record.expiresAt)
    const earlier = places.length
    places.push(placeOf(account, member))
    const arrival = await arrivalOf(account, member, this.#index)
    ended(await this.endings.giveBack(places.splice(0, earlier)))
    const accounts = accountsWith(record.accounts, arrival.account)
    const next = { ...record, accounts, secretDigest: secretDigest(secret), completed }
    return this.#write({ current, record: next, arrival, ended, later }, secret, attempt)
  }

  async #write(change: SessionChange, secret: string, attempt: Attempt): Promise<SignedIn | 'moved'> {
    const session = await this.#writes.write(change, attempt)
    if (session === 'moved') return 'moved'
    const { locator, record } = session
    return { session, setCookie: this.#cookie.write({ locator, secret }, this.#cookieSeconds(record)) }
  }

  /**
   * All sessions of the account or the user may have been ended while this one was made: then it never was. It is stored
   * by now and the old cookie dead, so a store that goes away is asked about it later.
   */
  async #refuseIfEnded(session: Session, aftermath: Aftermath): Promise<void> {
    const { ended, later } = aftermath
    let isRefused = false
    await this.#nowOrLater(later, async () => {
      isRefused ||= await this.#hasEnded(session)
      if (isRefused) ended(await this.endings.endSignIn(session, aftermath))
    })
    if (!isRefused) return
    const message = 'All sessions of this account were ended while it was signing in. Sign in again.'
    throw new LatchkeyError('login_required', message, { reason: 'signed_out' })
  }

  async #hasEnded({ record: { accounts, membership, userId } }: Session): Promise<boolean> {
    const haveEnded = await Promise.all([
      this.#index.hasEnded(userKey(userId), membership),
      ...accounts.map((one) => one.membership && this.#index.hasEnded(one.subject, one.membership)),
    ])
    return haveEnded.includes(true)
  }

  #cookieSeconds(record: SessionRecord): number {
    return Math.min(this.#settings.absoluteSeconds, secondsLeft(record, this.#clock))
  }
}

function has({ record }: Session, subject: string | undefined): boolean {
  return subject === undefined || record.accounts.some((one) => one.subject === subject)
}

/** The account that something was to be done to is no longer there. */
export function disconnected(): LatchkeyError {
  const message = 'The account was disconnected meanwhile. Add it again.'
  return new LatchkeyError('login_required', message, { reason: 'no_account' })
}

/** The session that something was to be done to is no longer there. */
export function signedOut(): LatchkeyError {
  const message = 'This session has ended, or belongs to somebody else now. Sign in again.'
  return new LatchkeyError('login_required', message, { reason: 'signed_out' })
}
