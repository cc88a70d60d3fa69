import { LatchkeyError } from '../errors.ts'
import { subjectKey } from '../protocol/subject-key.ts'
import type { BaseUrl } from '../session/base-url.ts'
import type { CompletedTransaction, SessionAccount } from '../session/record.ts'
import { safeReturnTo } from '../session/return-to.ts'
import type { Session, SignedIn } from '../session/sessions.ts'
import { type OpenTransaction, sessionBinding, transactionTarget } from '../session/transaction.ts'
import { abandon, abandonUnknown } from './abandon.ts'
import { targetOf } from './begin.ts'
import type { FlowContext } from './context.ts'
import { defaultUserId } from './default-user-id.ts'
import type { PlainRequest, Reply } from './http.ts'
import { keptBeside } from './kept.ts'
import { Landing } from './landing.ts'
import { keeperOf, type Redeemed } from './redeemed.ts'
import { redirect } from './replies.ts'
import type { SignInClient, UserProfile } from './sign-in-client.ts'

/** A callback path and the clients that are called back there; `iss` tells several apart. */
export interface CallbackRoute {
  readonly path: string
  readonly clients: readonly SignInClient[]
}

/** An authorization response and the login that it answers. */
export interface Answer {
  readonly transaction: OpenTransaction
  readonly session: Session | undefined
  readonly parameters: URLSearchParams
  readonly state: string
}

/** What a login may do to the session it belongs to. */
type Authority =
  | { readonly purpose: 'sign-in' }
  | { readonly purpose: 'link'; readonly session: Session }
  | { readonly purpose: 'consent'; readonly session: Session; readonly account: SessionAccount }

/** Redeems the code of an answer and brings what it is worth into the session that the login was begun for. */
export async function complete(
  context: FlowContext,
  request: PlainRequest,
  route: CallbackRoute,
  answer: Answer,
): Promise<Reply> {
  const { transaction, parameters, state } = answer
  const { client, baseUrl, redirectUri } = clientOf(context, route, transaction)
  // Clients that share a path are told apart by `iss` alone, which a client without an issuer never compares.
  const isToldApart = client.provider.issuer !== undefined && parameters.has('iss')
  if (route.clients.length > 1 && !isToldApart) reject('invalid_callback', 'iss')
  const authority = authorityOf(answer, client)
  const response = await client.readAuthorizationResponse(parameters, { state })
  const { codeVerifier, nonce } = transaction
  const requestedScope = [...client.provider.scope, ...transaction.scope]
  const code = await client.exchangeCode({
    code: response.code,
    redirectUri,
    codeVerifier,
    nonce,
    scope: response.scope ?? requestedScope,
  })
  const profile = await client.profile(code, response.user).catch((error: unknown) => {
    abandonUnknown(context, { client, code, requestedScope }, error)
    throw error
  })
  const redeemed = { client, code, user: profile.user, requestedScope, isJustRedeemed: true } as const
  const completed = {
    transaction: transaction.id,
    returnTo: safeReturnTo(transaction.returnTo, { baseUrl, log: context.log }),
    subject: subjectKey(client, profile.user.id),
    scope: requestedScope,
    at: context.clock.now(),
  }
  if (authority.purpose !== 'sign-in') return add(context, authority, redeemed, completed, baseUrl)
  return signIn(context, request, answer.session, { ...redeemed, profile }, completed, baseUrl)
}

async function signIn(
  context: FlowContext,
  request: PlainRequest,
  current: Session | undefined,
  redeemed: Redeemed & { readonly profile: UserProfile },
  completed: CompletedTransaction,
  baseUrl: BaseUrl,
): Promise<Reply> {
  const { client, user } = redeemed
  const userId = await decideUserId(context, request, current, redeemed)
  const landing = new Landing(context, redeemed, userId)
  const signedIn = await landed(landing, async () => {
    const kept = await keptBeside(context, userId)
    const { account, ended, later } = landing
    return context.sessions.signIn({ current, user, userId, account, kept, completed, ended, later })
  })
  announceMissingToken(context, redeemed)
  context.events.emit('login', { provider: client.provider.id, accountId: user.id, userId })
  return arrive(signedIn, completed, baseUrl, 'renew')
}

/** Adds an account to a session, or authorizes one of its accounts anew. */
async function add(
  context: FlowContext,
  authority: Exclude<Authority, { purpose: 'sign-in' }>,
  redeemed: Redeemed,
  completed: CompletedTransaction,
  baseUrl: BaseUrl,
): Promise<Reply> {
  const { client, user } = redeemed
  const { userId, accounts } = authority.session.record
  const { subject } = completed
  const renews = authority.purpose === 'consent' ? { renews: subject } : {}
  if (authority.purpose === 'consent' && authority.account.subject !== subject) {
    await abandon(context, redeemed)
    const message =
      'Another account was chosen than the one that was to be authorized anew. Nothing was changed.'
    throw new LatchkeyError('account_mismatch', message, { provider: client.provider.id })
  }
  const landing = new Landing(context, redeemed, userId)
  const { account, ended, later } = landing
  const signedIn = await landed(landing, () =>
    context.sessions.add({ current: authority.session, account, ...renews, completed, ended, later }),
  )
  const isNew = !accounts.some((one) => one.subject === subject)
  announceMissingToken(context, redeemed)
  context.events.emit('link', { provider: client.provider.id, accountId: user.id, userId, isNew })
  return arrive(signedIn, completed, baseUrl)
}

function announceMissingToken(
  { events }: FlowContext,
  { client: { provider }, user, code, requestedScope }: Redeemed,
): void {
  const { id, expectsRefreshToken = false } = provider
  const isAsked = expectsRefreshToken || requestedScope.includes('offline_access')
  if (isAsked && code.tokens.refreshToken === undefined) {
    events.emit('refresh_token_missing', { provider: id, accountId: user.id })
  }
}

async function landed(landing: Landing, store: () => Promise<SignedIn>): Promise<SignedIn> {
  try {
    const signedIn = await store()
    landing.settle()
    return signedIn
  } catch (error) {
    await landing.abandon(error)
    throw error
  }
}

function arrive(
  { setCookie }: SignedIn,
  { returnTo }: CompletedTransaction,
  baseUrl: BaseUrl,
  appSession?: 'renew',
): Reply {
  const more = { setCookies: [setCookie], ...(appSession && { appSession }) }
  return redirect(303, baseUrl.path + returnTo, more)
}

/** The app's word, else the user who keeps the account already, else the account itself. */
async function decideUserId(
  context: FlowContext,
  request: PlainRequest,
  session: Session | undefined,
  redeemed: Redeemed & { readonly profile: UserProfile },
): Promise<string> {
  const { client, user, profile } = redeemed
  const provider = client.provider.id
  try {
    const keptBy = await keeperOf(context, client, user)
    const login = { provider, user, raw: profile.claims, ...(keptBy === undefined ? {} : { keptBy }) }
    const own = await context.settings.onLogin?.(login, request, session)
    return own ?? keptBy ?? defaultUserId(user)
  } catch (error) {
    await abandon(context, redeemed)
    throw error
  }
}

/**
 * What the login was begun for. A link or consent belongs to the session that began it, and to the user who was signed
 * in there then.
 */
function authorityOf({ transaction, session }: Answer, client: SignInClient): Authority {
  const { purpose } = transaction
  if (purpose === 'sign-in') return { purpose }
  if (session === undefined) return reject('state_mismatch', 'session_changed')
  const { locator, record } = session
  const { userId } = record
  if (purpose === 'link') {
    if (sessionBinding({ locator, userId }) !== transaction.session)
      reject('state_mismatch', 'session_changed')
    return { purpose, session }
  }
  const account = record.accounts.find(
    ({ provider, subject }) =>
      provider === client.provider.id && sessionBinding({ locator, userId, subject }) === transaction.session,
  )
  return account === undefined ? reject('state_mismatch', 'session_changed') : { purpose, session, account }
}

/** The client that the login was begun at: provider, server, client id and redirect URI all as they were then. */
function clientOf(
  context: FlowContext,
  { clients }: CallbackRoute,
  transaction: OpenTransaction,
): { readonly client: SignInClient; readonly baseUrl: BaseUrl; readonly redirectUri: string } {
  for (const client of clients) {
    for (const baseUrl of context.settings.baseUrls) {
      const target = targetOf(context, client, baseUrl, transaction.purpose)
      if (transactionTarget(target) !== transaction.target) continue
      return { client, baseUrl, redirectUri: target.redirectUri }
    }
  }
  return reject('state_mismatch', 'provider_mismatch')
}

/** @throws {LatchkeyError} always. */
export function reject(code: 'state_mismatch' | 'invalid_callback', reason: string): never {
  throw new LatchkeyError(code, 'The callback matches no pending login. Start again at the login.', {
    reason,
  })
}
