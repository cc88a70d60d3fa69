import { EventEmitter } from 'node:events'
import type { ErrorCode } from './errors.ts'
import { type NamesOf, requireKnownName } from './input/known-names.ts'
import type { Logger } from './log.ts'

/** The account an event is about. */
export interface AccountEvent {
  readonly provider: string
  /** The user's id at the provider; for application tokens the client id. */
  readonly accountId: string
}

/** Everything Latchkey announces. No payload can hold a secret. */
export interface LatchkeyEvents {
  /** Somebody signed in. */
  login: AccountEvent & { readonly userId: string }
  /** An account was added to a session, or authorized anew in it: then `isNew` is false. */
  link: AccountEvent & { readonly userId: string; readonly isNew: boolean }
  /** A sign-in session ended at the user's wish, or all of a user's at once. */
  logout: { readonly userId: string }
  /**
   * A token set was refreshed and saved; `refreshCount` counts since the authorization. Also: an application token was
   * minted; the first one counts as 0.
   */
  refresh: AccountEvent & { readonly refreshCount: number }
  /** A refresh, or the minting of an application token, failed; the grant is kept unless `account_ended` follows. */
  refresh_failed: AccountEvent & { readonly code: ErrorCode; readonly reason?: string }
  /**
   * A sign-in, link or consent brought no refresh token although one was asked for: when the access token ends, the user
   * must sign in again. Google gives one only with a consent.
   */
  refresh_token_missing: AccountEvent
  /**
   * The refresh token will die at `refreshTokenExpiresAt` (epoch seconds), however often it is refreshed, where the preset
   * says so (Spotify: six months after the authorization). Said once per authorization, at its first use within the last 14
   * days (`expiryNoticeDays` of the provider).
   */
  account_expiring: AccountEvent & { readonly refreshTokenExpiresAt: number }
  /** The authorization server ended the grant: the user must sign in again. Never about application tokens. */
  account_ended: AccountEvent & { readonly reason: string }
  /**
   * A token set could not be saved for 60 seconds and is given up: a rotated one, or one of a failed sign-in that has
   * killed all earlier ones of its user.
   */
  save_lost: AccountEvent
}

const eventNames: NamesOf<LatchkeyEvents> = {
  login: true,
  link: true,
  logout: true,
  refresh: true,
  refresh_failed: true,
  refresh_token_missing: true,
  account_expiring: true,
  account_ended: true,
  save_lost: true,
}

/** Typed subscription to {@link LatchkeyEvents}. An unknown name throws `invalid_options`. */
export interface TypedEmitter<Events> {
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): this
  once<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): this
  off<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): this
}

/** Announces events; a listener that throws is logged and disturbs nobody. */
export class Events implements TypedEmitter<LatchkeyEvents> {
  // An app may listen in as many places as it likes; a warning at the eleventh would speak of a leak.
  readonly #emitter = new EventEmitter().setMaxListeners(0)
  readonly #log: Logger

  constructor(log: Logger) {
    this.#log = log
  }

  on<Name extends keyof LatchkeyEvents>(name: Name, listener: (event: LatchkeyEvents[Name]) => void): this {
    requireEventName(name)
    this.#emitter.on(name, listener)
    return this
  }

  once<Name extends keyof LatchkeyEvents>(name: Name, listener: (event: LatchkeyEvents[Name]) => void): this {
    requireEventName(name)
    this.#emitter.once(name, listener)
    return this
  }

  off<Name extends keyof LatchkeyEvents>(name: Name, listener: (event: LatchkeyEvents[Name]) => void): this {
    requireEventName(name)
    this.#emitter.off(name, listener)
    return this
  }

  /** Calls every listener in turn. Never throws. */
  emit<Name extends keyof LatchkeyEvents>(name: Name, event: LatchkeyEvents[Name]): void {
    for (const listener of this.#emitter.rawListeners(name)) {
      try {
        const outcome: unknown = listener.call(this.#emitter, event)
        if (outcome instanceof Promise) outcome.catch(() => this.#listenerFailed(name))
      } catch {
        this.#listenerFailed(name)
      }
    }
  }

  // The thrown value is the app's own and may hold anything, so only the event's name is logged.
  #listenerFailed(name: string): void {
    this.#log.error({ event: name }, 'A listener of auth.events threw; the event went on without it.')
  }
}

function requireEventName(name: string): void {
  requireKnownName('auth.events', String(name), Object.keys(eventNames))
}
