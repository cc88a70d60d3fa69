import { subjectKey } from '../protocol/subject-key.ts'
import type { TokenSet } from '../protocol/token.ts'
import type { User } from '../protocol/user.ts'
import type { BroughtAccount } from '../session/sessions.ts'
import { accountInUse } from '../vault/subject-grants.ts'
import type { FlowContext } from './context.ts'
import { defaultUserId } from './default-user-id.ts'
import { keptBeside } from './kept.ts'
import { Landing } from './landing.ts'
import { keeperOf, ownerOf } from './redeemed.ts'
import type { SignInClient } from './sign-in-client.ts'
import { inBackground } from './when-store-is-back.ts'

/** A sign-in that no browser made. */
export interface SessionRequest {
  readonly client: SignInClient
  readonly user: User
  /** Absent: who keeps the account, else the account itself. */
  readonly userId: string | undefined
  /** Absent: the account is there, and its API cannot be used. */
  readonly tokens: TokenSet | undefined
  /** Epoch seconds. */
  readonly authorizedAt: number | undefined
}

/**
 * Stores a session as a sign-in does, and returns its `Set-Cookie` value. Tokens that the app brings stay the app's: a
 * failure revokes nothing, so that it can be tried again.
 * @throws {LatchkeyError} `account_in_use`, `store_unavailable`
 */
export async function createSession(context: FlowContext, request: SessionRequest): Promise<string> {
  const { client, user } = request
  const keeper = await keeperOf(context, client, user)
  const userId = request.userId ?? keeper ?? defaultUserId(user)
  if (keeper !== undefined && keeper !== userId) throw accountInUse()
  const landing = landingOf(context, request, userId)
  const { setCookie } = await context.sessions.signIn({
    current: undefined,
    user,
    userId,
    account: landing?.account ?? accountWithoutTokens(context, client, user),
    kept: await keptBeside(context, userId),
    completed: { transaction: '', returnTo: '/', subject: '', scope: [], at: context.clock.now() },
    ...inBackground(context),
    ended: (grants) => void context.revocations.revoke(grants, 0, request.tokens),
  })
  return setCookie
}

function landingOf(
  context: FlowContext,
  { client, user, tokens, authorizedAt }: SessionRequest,
  userId: string,
): Landing | undefined {
  if (tokens === undefined) return undefined
  const authorized = authorizedAt === undefined ? {} : { authorizedAt }
  const redeemed = { client, user, code: { tokens }, requestedScope: tokens.scope, ...authorized }
  return new Landing(context, redeemed, userId)
}

/** The user is signed in there; whoever needs the API is sent through a consent. */
function accountWithoutTokens(
  { vault, store, clock }: FlowContext,
  client: SignInClient,
  user: User,
): BroughtAccount {
  const subject = subjectKey(client, user.id)
  const owner = ownerOf(client)
  const named = { provider: user.provider, id: user.id, subject }
  if (owner !== 'session') {
    return { ...named, grant: { owner, admit: (member) => store.subjects.join(subject, member) } }
  }
  const ended = { state: 'ended', reason: 'no_tokens', scope: [], refreshCount: 0 } as const
  return {
    ...named,
    grant: { owner, seal: (ref) => vault.seal(ref, { ...ended, authorizedAt: clock.now() }) },
  }
}
