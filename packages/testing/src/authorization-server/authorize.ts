import { randomBytes } from 'node:crypto'
import type { ReceivedRequest } from '../http/received-request.ts'
import { html, type Reply, redirect, text } from '../http/reply.ts'
import type { RegisteredClient } from './client.ts'
import { consentPage, formPostPage } from './consent-page.ts'
import type { PendingRequest, ServerState } from './state.ts'

const SINGLE = [
  'client_id',
  'redirect_uri',
  'response_type',
  'scope',
  'audience',
  'state',
  'code_challenge',
  'nonce',
]

/** `GET authorize`: the consent page, the refusal of a bad request, or with `autoApprove` the redirect at once. */
export function authorize(request: ReceivedRequest, state: ServerState): Reply {
  const { query } = request
  const client = state.clients.get(query.get('client_id') ?? '')
  // Without a known client and redirect URI there is nobody to send an error to (RFC 6749 §4.1.2.1).
  if (client === undefined) return text(400, 'INVALID_CLIENT: Invalid client')
  const redirectUri = query.get('redirect_uri') ?? ''
  const refused = refuseRedirectUri(client, redirectUri, state)
  if (refused !== undefined) return refused
  const pending = pendingRequest(query, redirectUri, state.addressAt(request).issuer)
  const problem = problemOf(query, state)
  if (problem !== undefined) return respond(state, pending, problem)
  if (state.policy.autoDeny) return respond(state, pending, { error: 'access_denied' })
  if (state.policy.autoApprove !== undefined) return approve(state, pending, state.policy.autoApprove)
  if (query.get('prompt') === 'none') return respond(state, pending, { error: 'login_required' })
  const reference = randomBytes(12).toString('hex')
  state.pending.set(reference, pending)
  const { brand } = state.dialect
  const { clientId, scope } = pending
  const action = CONSENT_PATH
  return html(200, consentPage({ brand, clientId, scope, users: state.users, action, reference }))
}

/** Where the consent page sends its form. */
export const CONSENT_PATH = '/consent'

/** `POST /consent`: redirects back with a code, or with `access_denied`. A page can be sent once. */
export function consent(request: ReceivedRequest, state: ServerState): Reply {
  const reference = request.form.get('request') ?? ''
  const pending = state.pending.get(reference)
  if (pending === undefined) return text(400, 'This page was used already. Start again in the application.')
  state.pending.delete(reference)
  const userId = request.form.get('user')
  const user = state.users.find((one) => one.id === userId)
  if (user === undefined || request.form.has('deny')) {
    return respond(state, pending, { error: 'access_denied' })
  }
  return approve(state, pending, user.id)
}

/** The provider's rules for redirect URIs hold for every client, the registration only where there is one. */
function refuseRedirectUri(
  client: RegisteredClient,
  redirectUri: string,
  state: ServerState,
): Reply | undefined {
  const isRegistered = state.policy.acceptsAnyClient && URL.canParse(redirectUri)
  const registered = isRegistered ? { ...client, redirectUris: [redirectUri] } : client
  return state.dialect.refuseRedirectUri(registered, redirectUri)
}

function pendingRequest(query: URLSearchParams, redirectUri: string, issuer: string): PendingRequest {
  return {
    clientId: query.get('client_id') ?? '',
    redirectUri,
    scope: (query.get('scope') ?? '').split(' ').filter((one) => one !== ''),
    audience: query.get('audience') ?? undefined,
    issuer,
    state: query.get('state') ?? undefined,
    challenge: query.get('code_challenge') ?? undefined,
    nonce: query.get('nonce') ?? undefined,
    formPost: query.get('response_mode') === 'form_post',
  }
}

function problemOf(query: URLSearchParams, state: ServerState): Record<string, string> | undefined {
  const repeated = SINGLE.find((name) => query.getAll(name).length > 1)
  if (repeated !== undefined)
    return { error: 'invalid_request', error_description: `${repeated} is repeated` }
  if (query.get('response_type') !== 'code') return { error: 'unsupported_response_type' }
  const challenge = query.get('code_challenge')
  const { pkce, knownScopes } = state.policy
  if (pkce === 'required' && challenge === null) {
    return { error: 'invalid_request', error_description: 'code_challenge is missing' }
  }
  if (pkce !== 'ignored' && challenge !== null && query.get('code_challenge_method') !== 'S256') {
    return { error: 'invalid_request', error_description: 'code_challenge_method must be S256' }
  }
  const scope = (query.get('scope') ?? '').split(' ').filter((one) => one !== '')
  const unknown = scope.some((one) => knownScopes !== undefined && !knownScopes.includes(one))
  return unknown ? { error: 'invalid_scope' } : undefined
}

function approve(state: ServerState, pending: PendingRequest, userId: string): Reply {
  const code = state.marks.mint('code', 'code_')
  const { clientId, redirectUri, audience, challenge, nonce } = pending
  const scope = state.policy.grantedScope?.(pending.scope) ?? pending.scope
  const { id } = state.user(userId)
  const issued = {
    clientId,
    redirectUri,
    audience,
    challenge,
    nonce,
    scope,
    userId: id,
    issuedAt: state.now(),
    spent: false,
  }
  state.codes.set(code, issued)
  return respond(state, pending, { code })
}

/** The authorization response, a redirect with 303 so that a form never travels on (RFC 9700 §4.12). */
function respond(
  state: ServerState,
  pending: PendingRequest,
  answer: Readonly<Record<string, string>>,
): Reply {
  const params = new URLSearchParams(answer)
  if (pending.state !== undefined) params.set('state', pending.state)
  const { responseIss, callbackParams } = state.policy
  if (responseIss === 'issuer') params.append('iss', pending.issuer)
  else if (responseIss !== 'none') for (const iss of responseIss) params.append('iss', iss)
  callbackParams?.(params)
  if (pending.formPost) {
    const policy = { 'content-security-policy': "default-src 'none'; script-src 'unsafe-inline'" }
    return html(200, formPostPage(pending.redirectUri, params), policy)
  }
  const separator = pending.redirectUri.includes('?') ? '&' : '?'
  return redirect(303, `${pending.redirectUri}${separator}${params}`)
}
