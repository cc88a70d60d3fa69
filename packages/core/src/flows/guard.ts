import { LatchkeyError } from '../errors.ts'
import { grantOf, type SessionAccount } from '../session/record.ts'
import type { Session } from '../session/sessions.ts'
import { ownOrigins } from './addresses.ts'
import { accountAt } from './consent.ts'
import type { FlowContext } from './context.ts'
import type { PlainRequest } from './http.ts'
import { isUnsafe, requireSameOrigin } from './same-origin.ts'

/** What a guarded route demands. */
export interface Requirement {
  /** Somebody signed in at this provider. */
  readonly provider?: string
  /** Scope that must have been granted: by `provider`, or else by the account that signed in. */
  readonly scope?: readonly string[]
}

/**
 * Lets a request through that meets the requirement and, when its method changes things, comes from our own pages.
 * @throws {LatchkeyError} `login_required`: `signed_out`, `no_account`, or with a scope `grant_ended`.
 * @throws {LatchkeyError} `insufficient_scope`, `cross_site_request`, `store_unavailable`.
 */
export async function guard(
  { settings, vault, log }: Pick<FlowContext, 'settings' | 'vault' | 'log'>,
  request: PlainRequest,
  session: Session | undefined,
  { provider, scope = [] }: Requirement,
): Promise<void> {
  if (session === undefined) throw loginRequired('signed_out', { provider, scope })
  if (isUnsafe(request.method)) requireSameOrigin(request, ownOrigins(settings), log)
  const wanted = provider ?? (scope.length > 0 ? session.record.user.provider : undefined)
  if (wanted === undefined) return
  const client = await settings.providers.find(wanted)
  const account = client && accountAt(session, client)
  if (account === undefined) throw loginRequired('no_account', { provider: wanted, scope })
  if (scope.length > 0) await requireScope(vault, session, account, scope)
}

async function requireScope(
  vault: FlowContext['vault'],
  { locator, record: { userId } }: Session,
  account: SessionAccount,
  scope: readonly string[],
): Promise<void> {
  const { provider, id: accountId } = account
  const grant = await vault.read(grantOf({ locator, userId }, account))
  if (grant?.state !== 'live') throw loginRequired('grant_ended', { provider, scope, accountId })
  const missing = scope.filter((item) => !grant.tokens.scope.includes(item))
  if (missing.length === 0) return
  const message = `The account lacks the scope ${missing.join(' ')}. Ask for it in the provider's scope or in login().`
  throw new LatchkeyError('insufficient_scope', message, { provider, accountId, scope: missing })
}

function loginRequired(
  reason: 'signed_out' | 'no_account' | 'grant_ended',
  details: {
    readonly provider: string | undefined
    readonly scope: readonly string[]
    readonly accountId?: string
  },
): LatchkeyError {
  const { provider, scope, accountId } = details
  const message =
    'This page needs a signed-in user. Let auth.errorHandler answer such errors: it sends the browser to the login.'
  return new LatchkeyError('login_required', message, {
    reason,
    ...(provider === undefined ? {} : { provider }),
    ...(accountId === undefined ? {} : { accountId }),
    ...(scope.length === 0 ? {} : { scope }),
  })
}
