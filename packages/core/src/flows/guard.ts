import { LatchkeyError } from '../errors.ts'
import { grantRefOf } from '../session/record.ts'
import type { Session } from '../session/sessions.ts'
import { ownOrigins } from './addresses.ts'
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
  if (session === undefined) throw loginRequired('signed_out', provider, scope)
  if (isUnsafe(request.method)) requireSameOrigin(request, ownOrigins(settings), log)
  const { accounts } = session.record
  const account = provider === undefined ? accounts[0] : accounts.find((each) => each.provider === provider)
  if (account === undefined) throw loginRequired('no_account', provider, scope)
  if (scope.length === 0) return
  const client = await settings.providers.find(account.provider)
  const ref = grantRefOf(session.locator, account)
  const grant = client && (await vault.read({ ref, client, account }))
  if (grant?.state !== 'live') throw loginRequired('grant_ended', account.provider, scope)
  const missing = scope.filter((item) => !grant.tokens.scope.includes(item))
  if (missing.length === 0) return
  const message = `The account lacks the scope ${missing.join(' ')}. Ask for it in the provider's scope or in login().`
  // A new authorization replaces the old one, so it asks for what is there already as well.
  const asked = [...grant.tokens.scope, ...missing]
  throw new LatchkeyError('insufficient_scope', message, { provider: account.provider, scope: asked })
}

function loginRequired(
  reason: 'signed_out' | 'no_account' | 'grant_ended',
  provider: string | undefined,
  scope: readonly string[],
): LatchkeyError {
  const message =
    'This page needs a signed-in user. Send the browser to the login: app.use(auth.errorHandler) does.'
  return new LatchkeyError('login_required', message, {
    reason,
    ...(provider === undefined ? {} : { provider }),
    ...(scope.length === 0 ? {} : { scope }),
  })
}
