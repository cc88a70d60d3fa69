import type { BaseUrl } from '../session/base-url.ts'
import type { SessionBound, TransactionTarget } from '../session/transaction.ts'
import type { Purpose } from '../session/transaction-codec.ts'
import { baseUrlOf, redirectUri } from './addresses.ts'
import type { FlowContext } from './context.ts'
import type { PlainRequest, Reply } from './http.ts'
import { pageReply, primaryLink } from './page.ts'
import { jsonReply, redirect } from './replies.ts'
import { headerOf, isFromScript } from './request-headers.ts'
import type { SignInClient } from './sign-in-client.ts'

/** What one login asks of the authorization server. */
export interface Beginning {
  readonly purpose: Purpose
  /** What a link or consent belongs to. */
  readonly session?: SessionBound
  /** Scope beyond the provider's own. */
  readonly scope: readonly string[]
  readonly prompt: string | undefined
  readonly params: Readonly<Record<string, string>> | undefined
  /** A safe path. */
  readonly returnTo: string
}

/** Sends the browser to the authorization server. No store command: the pending login is in its cookie alone. */
export async function begin(
  context: FlowContext,
  request: PlainRequest,
  client: SignInClient,
  { purpose, session, scope, prompt, params, returnTo }: Beginning,
): Promise<Reply> {
  const target = targetOf(context, client, baseUrlOf(request, context.settings), purpose)
  const own = client.provider.scope
  const extra = [...new Set(scope)].filter((item) => !own.includes(item))
  const cookies = headerOf(request, 'cookie')
  const login = { target, session, scope: extra, returnTo }
  const { setCookies, ...secrets } = context.transactions.begin(cookies, login)
  const location = await client.authorizationUrl({
    redirectUri: target.redirectUri,
    ...secrets,
    scope: [...own, ...extra],
    ...(prompt === undefined ? {} : { prompt }),
    ...(params === undefined ? {} : { params }),
  })
  return { ...leadTo(request, location, client.provider.name), setCookies }
}

/** What a login at this client is bound to. */
export function targetOf(
  { settings }: Pick<FlowContext, 'settings'>,
  client: SignInClient,
  baseUrl: BaseUrl,
  purpose: Purpose,
): TransactionTarget {
  const { provider } = client
  return {
    provider: provider.id,
    identity: client.identity(),
    redirectUri: redirectUri(settings, provider, baseUrl),
    purpose,
    responseMode: provider.responseMode,
  }
}

/**
 * A redirect for a GET. A form is answered by a page instead, because browsers apply the `form-action` of the page that
 * sent it to the redirect too; a script gets the address, because it cannot follow.
 */
function leadTo(request: PlainRequest, location: string, name: string): Reply {
  if (request.method === 'GET') return redirect(303, location)
  if (isFromScript(request)) return jsonReply(200, { location })
  return pageReply({
    status: 200,
    title: `On to ${name}`,
    text: 'If nothing happens, go on here.',
    actions: primaryLink(location, `Continue to ${name}`),
    leadsTo: location,
  })
}
