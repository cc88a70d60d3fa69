import { consoleLogger, LatchkeyError, type Logger, OAuthClient, type TokenResponse } from '@latchkey/core'
import { abortable, credentialVariables, OwnAccount, steadyLogger } from '@latchkey/core/terminal'
import { TerminalAccount } from './account.ts'
import type { AccountAbout } from './disk/account-file.ts'
import { DiskStore } from './disk/disk-store.ts'
import { accountRef } from './disk/file-names.ts'
import {
  type AccountOptions,
  defaultTimeoutSeconds,
  profileOf,
  requireTimeout,
  type SignInOptions,
  secretsOf,
} from './options.ts'
import { byConsole } from './sign-in/by-console.ts'
import { byDevice } from './sign-in/by-device.ts'
import { byLoopback } from './sign-in/by-loopback.ts'
import { giveUp } from './sign-in/give-up.ts'
import { keep } from './sign-in/keep.ts'
import { checkedLoopback } from './sign-in/loopback.ts'
import { promptIn } from './sign-in/prompt-in.ts'
import { promptTexts, type SignInRequest } from './sign-in/request.ts'
import type { StoragePlace } from './sign-in/storage-place.ts'
import { terminalClient } from './sign-in/terminal-client.ts'
import { wouldHaveToAsk } from './sign-in/would-have-to-ask.ts'

/** So long a sign-in that has ended waits for its connections. */
const longestClosingMs = 2_000

const ways = { loopback: byLoopback, console: byConsole, device: byDevice } as const

/**
 * The account of the person at the terminal: the stored one where it will do, else after a sign-in.
 *
 * ```ts
 * const account = await signIn({ provider: spotify({ clientId }), via: 'loopback', scope: ['user-top-read'] })
 * const reply = await account.fetch('https://api.spotify.com/v1/me/top/tracks')
 * ```
 *
 * A stored account will do when it was made for the same server, client and audience, is that of `user`, every scope was
 * granted or asked for before, it can be refreshed, and it passes `validate`. Where scope is missing, what was granted is
 * asked for as well. Nobody is asked before the account's folder is found to take the tokens.
 *
 * @throws {LatchkeyError} with `interactive: false`: `login_required`, with `reason` `signed_out`, `grant_ended`, or `refused`
 *   by `validate`; `insufficient_scope`; `account_mismatch`: somebody else than `user` is signed in.
 * @throws {LatchkeyError} `login_required` with `reason: 'expired_token'`: nobody agreed in time; `signed_out`: the input has
 *   ended.
 * @throws {LatchkeyError} `access_denied`: the person said no. `account_mismatch`: it is not `user`; nothing was stored.
 * @throws {LatchkeyError} `as_unavailable`, `as_misconfigured`, `invalid_callback`, `store_unavailable`, `invalid_options`
 * @throws whatever `signal` was aborted with.
 */
export async function signIn(options: SignInOptions): Promise<TerminalAccount> {
  requireWay(options.via)
  checkedLoopback(options.loopback ?? {})
  requireTimeout(options)
  const place = placeOf(options)
  if (place.own.provider.apiKeyHeaders !== undefined) return place.account(undefined)
  const stored = await storedAbout(place)
  const wanted = options.scope ?? place.own.provider.scope
  const granted = stored === undefined ? [] : await grantedScope(place, options)
  const account = place.account(stored)
  // What was asked for and not granted is not asked for again: the person, or the server, has said no, or calls it otherwise.
  const known = new Set([...granted, ...(stored?.scope ?? [])])
  const missing = wanted.filter((scope) => !known.has(scope))
  const isTheirs = options.user === undefined || stored?.user?.id === options.user
  const isEnough = stored !== undefined && isTheirs && missing.length === 0 && options.force !== true
  if (isEnough && (await account.isValid())) return account
  if (options.interactive === false) {
    const status = await place.own.status()
    await account.close()
    throw wouldHaveToAsk(place.own.provider, place.profile, { status, isTheirs, missing })
  }
  return place.account(await signInAnew(options, place, [...new Set([...granted, ...wanted])]))
}

/**
 * A stored account, for a program that signs nobody in; `undefined`: there is none for this server, client and audience.
 * Never asks anybody.
 *
 * @throws {LatchkeyError} `store_unavailable`, `invalid_options`
 */
export async function openAccount(options: AccountOptions): Promise<TerminalAccount | undefined> {
  const place = placeOf(options)
  if (place.own.provider.apiKeyHeaders !== undefined) return place.account(undefined)
  const about = await storedAbout(place)
  return about === undefined ? undefined : place.account(about)
}

/** Where somebody signs in anew whatever is stored, tokens that no secret here opens stand in nobody's way. */
async function grantedScope({ own }: Place, { force = false }: SignInOptions): Promise<readonly string[]> {
  try {
    return (await own.status())?.scope ?? []
  } catch (error) {
    if (force && LatchkeyError.is(error) && error.reason === 'unknown_key') return []
    throw error
  }
}

/** One account, and all that works on it. */
interface Place extends StoragePlace {
  readonly options: AccountOptions
  readonly account: (about: AccountAbout | undefined) => TerminalAccount
}

function placeOf(options: AccountOptions): Place {
  const { validate, refresh, dispatcher, clock, logger } = options
  const provider = terminalClient(options.provider)
  const profile = profileOf(options)
  const store = options.store ?? new DiskStore({ clock, logger })
  // Client and profile are the key; what else a token is bound to is compared, so that a mismatch can be said.
  const clientId = (provider.clientId || process.env[credentialVariables(provider.id).clientId]) ?? ''
  const ref = accountRef({ provider: provider.id, profile, clientId })
  const secrets = secretsOf(options)
  const ownOf = (userId: string | undefined): OwnAccount => {
    const stores = { grants: store.grantsOf(userId), leases: store.leases }
    return new OwnAccount({ provider, store: stores, ref, secrets, refresh, dispatcher, clock, logger })
  }
  const own = ownOf(undefined)
  const audience = options.audience ?? own.provider.params.audience
  const account = (about: AccountAbout | undefined): TerminalAccount =>
    new TerminalAccount({ own: ownOf(about?.user?.id), provider: own.provider, profile, about, validate })
  return { own, store, ref, profile, audience, options, account }
}

/** What is stored, if it is of the same server, client and audience. */
async function storedAbout({
  own,
  store,
  ref,
  audience,
  profile,
  options,
}: Place): Promise<AccountAbout | undefined> {
  const { about } = await store.read(ref)
  if (about === undefined) return undefined
  const other =
    about.identity !== own.identity
      ? 'another server or client'
      : about.audience !== audience
        ? 'another audience'
        : undefined
  if (other === undefined) return about
  const { name } = own.provider
  const message = `The stored tokens of ${name}, profile "${profile}", are for ${other}; they are not used.`
  logOf(options).warn({ event: 'account.binding', reason: other }, message)
  return undefined
}

function logOf({ logger = consoleLogger }: AccountOptions): Logger {
  return steadyLogger(logger)
}

async function signInAnew(
  options: SignInOptions,
  place: Place,
  scope: readonly string[],
): Promise<AccountAbout> {
  const { store, ref, audience } = place
  const { dispatcher, clock, logger } = options
  await store.requireRoomFor(ref)
  return within(options, async (signal) => {
    const client = new OAuthClient(terminalClient(options.provider), {
      dispatcher,
      clock,
      ...(logger && { logger }),
    })
    let revoked = Promise.resolve()
    const keepOrGiveUp = (exchange: Promise<TokenResponse>): Promise<AccountAbout> => {
      const onFailure = (userId: string | undefined): void => {
        revoked = giveUp(exchange, { client, place, userId, log: logOf(options) })
      }
      return keep(exchange, { client, place, onFailure, scope, user: options.user, signal })
    }
    try {
      return await ways[options.via](client, requestOf(options, scope, audience, signal), keepOrGiveUp)
    } finally {
      // A server that is slow to answer keeps nobody from the outcome; the rest is done in the background.
      const patience = AbortSignal.any([signal, AbortSignal.timeout(longestClosingMs)])
      await abortable(
        revoked.then(() => client.close()),
        patience,
      ).catch(() => {})
    }
  })
}

/** Ends with the caller's signal, or after the time that is given. */
async function within<Result>(
  { timeoutSeconds = defaultTimeoutSeconds, signal, provider }: SignInOptions,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const timeout = AbortSignal.timeout(timeoutSeconds * 1_000)
  try {
    return await work(signal === undefined ? timeout : AbortSignal.any([timeout, signal]))
  } catch (error) {
    if (!timeout.aborted || signal?.aborted === true || LatchkeyError.is(error)) throw error
    throw new LatchkeyError('login_required', `Nobody signed in within ${timeoutSeconds} seconds.`, {
      provider: provider.id,
      reason: 'expired_token',
    })
  }
}

function requestOf(
  options: SignInOptions,
  scope: readonly string[],
  audience: string | undefined,
  signal: AbortSignal,
): SignInRequest {
  const { params = {}, loopback = {}, terminal = {} } = options
  const texts = { ...promptTexts, ...options.texts }
  return {
    scope,
    audience,
    params:
      options.audience === undefined || options.via === 'device'
        ? params
        : { ...params, audience: options.audience },
    signal,
    loopback,
    consoleRedirectUri: options.redirectUri ?? 'http://127.0.0.1/callback',
    texts,
    terminal,
    openBrowser: options.openBrowser ?? process.stderr.isTTY === true,
    onPrompt: options.onPrompt ?? promptIn(terminal, texts),
  }
}

function requireWay(via: unknown): void {
  if (typeof via === 'string' && Object.hasOwn(ways, via)) return
  throw new LatchkeyError('invalid_options', `The option via must be 'loopback', 'device' or 'console'.`, {
    reason: 'via',
  })
}
