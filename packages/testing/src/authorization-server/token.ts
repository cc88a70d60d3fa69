import { createHash } from 'node:crypto'
import type { Behaviour } from '../http/faults.ts'
import type { ReceivedRequest } from '../http/received-request.ts'
import { json, type Reply } from '../http/reply.ts'
import { type AuthenticatedClient, authenticateClient } from './client-auth.ts'
import type { OAuthProblem } from './dialect.ts'
import { withForm } from './form-body.ts'
import type { Grant } from './grants.ts'
import { accessTokenHash, IdTokenBuilder } from './id-token.ts'
import { DEVICE_GRANT } from './metadata.ts'
import type { GrantType, IssuedCode, ServerState } from './state.ts'

/** A behaviour of an authorization server: a `Behaviour` with one more field. */
export interface AuthorizationServerBehaviour extends Behaviour {
  /** Makes the ID token of this answer, instead of `policy.idToken`. */
  readonly idToken?: (build: IdTokenBuilder) => string
}

/** What a token answer is made from. */
interface Issue {
  readonly grant: Grant
  readonly grantType: GrantType
  readonly refreshToken: string | undefined
  readonly scope: readonly string[]
}

/** `POST token` with the grants of RFC 6749, password aside, and of RFC 8628. */
export async function token(
  received: ReceivedRequest,
  state: ServerState,
  behaviour: AuthorizationServerBehaviour | undefined,
): Promise<Reply> {
  const request = withForm(received, state)
  if (request === undefined) return state.dialect.problem(invalidRequest('The body must be a form'))
  const { form } = request
  const repeated = [...form.keys()].find((name) => form.getAll(name).length > 1)
  if (repeated !== undefined) return state.dialect.problem(invalidRequest(`${repeated} is repeated`))
  const caller = await authenticateClient(request, state)
  // From here to the answer nothing waits, so that parallel requests cannot both spend the same code or token.
  const issue = 'error' in caller ? caller : issueFor(form, caller, state)
  if ('error' in issue) return state.dialect.problem(issue)
  const { issuer } = state.addressAt(request)
  return json(200, answer({ ...issue, issuer }, state, behaviour?.idToken ?? state.policy.idToken))
}

function issueFor(
  form: URLSearchParams,
  caller: AuthenticatedClient,
  state: ServerState,
): Issue | OAuthProblem {
  const grantType = form.get('grant_type')
  if (grantType === 'authorization_code') return byCode(form, caller, state)
  if (grantType === 'refresh_token') return byRefreshToken(form, caller, state)
  if (grantType === 'client_credentials') return byClient(form, caller, state)
  if (grantType === DEVICE_GRANT) return byDeviceCode(form, caller, state)
  return { status: 400, error: 'unsupported_grant_type', description: 'grant_type is not supported' }
}

function byCode(
  form: URLSearchParams,
  caller: AuthenticatedClient,
  state: ServerState,
): Issue | OAuthProblem {
  const code = state.codes.get(form.get('code') ?? '')
  const mine = code !== undefined && code.clientId === caller.client.clientId
  if (!mine || code.redirectUri !== form.get('redirect_uri'))
    return invalidGrant('Invalid authorization code')
  if (code.spent) {
    const grant = state.grants.byId(code.grantId ?? '')
    if (grant !== undefined) state.grants.end(grant, true)
    return invalidGrant('Invalid authorization code')
  }
  // A code is spent by its first use even if the verifier is wrong, so that guessing has one try.
  code.spent = true
  if (state.now() >= code.issuedAt + state.policy.codeLifetimeSeconds)
    return invalidGrant('Authorization code expired')
  const unproved =
    caller.method === 'none' && caller.client.clientSecret !== undefined && code.challenge === undefined
  const wrong = unproved ? 'Neither secret nor PKCE' : verifierProblem(code, form.get('code_verifier'), state)
  if (wrong !== undefined) return invalidGrant(wrong)
  const { clientId, userId, scope, audience, nonce, issuedAt: authorizedAt } = code
  const isPublic = caller.method === 'none'
  const from = { clientId, userId, scope, audience, nonce, authorizedAt, isPublic, isBound: true }
  const grant = state.grants.open(from)
  code.grantId = grant.id
  return { grant, grantType: 'authorization_code', refreshToken: firstRefreshToken(grant, state), scope }
}

function byDeviceCode(
  form: URLSearchParams,
  caller: AuthenticatedClient,
  state: ServerState,
): Issue | OAuthProblem {
  const polled = state.devices.poll(form.get('device_code') ?? '', caller.client.clientId)
  if ('error' in polled) {
    const { error } = polled
    const status = state.policy.deviceErrorStatuses[error] ?? 400
    return { status, error, description: `The device gets no tokens: ${error}` }
  }
  const { device, userId, authorizedAt } = polled
  const { clientId, audience } = device
  const scope = state.policy.grantedScope?.(device.scope) ?? device.scope
  const isPublic = caller.method === 'none'
  const grant = state.grants.open({
    clientId,
    userId,
    scope,
    audience,
    nonce: undefined,
    authorizedAt,
    isPublic,
    isBound: true,
  })
  return { grant, grantType: 'device_code', refreshToken: firstRefreshToken(grant, state), scope }
}

function firstRefreshToken(grant: Grant, state: ServerState): string | undefined {
  const { refreshTokens } = state.policy
  const wanted =
    refreshTokens === 'always' || (refreshTokens === 'offline_access' && grant.scope.includes(refreshTokens))
  return wanted ? state.grants.addRefreshToken(grant) : undefined
}

function verifierProblem(code: IssuedCode, verifier: string | null, state: ServerState): string | undefined {
  if (state.policy.pkce === 'ignored') return undefined
  // RFC 9700 §2.1.1: a verifier without a challenge means that somebody took the challenge away.
  if (code.challenge === undefined)
    return verifier === null ? undefined : 'code_verifier without code_challenge'
  const challenge = createHash('sha256')
    .update(verifier ?? '')
    .digest('base64url')
  return challenge === code.challenge ? undefined : 'code_verifier was incorrect'
}

function byRefreshToken(
  form: URLSearchParams,
  caller: AuthenticatedClient,
  state: ServerState,
): Issue | OAuthProblem {
  const by = { clientId: caller.client.clientId, isPublic: caller.method === 'none' }
  const presented = state.grants.present(form.get('refresh_token') ?? '', by)
  if (typeof presented !== 'object') return { ...invalidGrant(presented), refusedRefreshToken: true }
  const { grant, inGrace } = presented
  // A client that may go without its secret still has to show it for a grant that it got with it.
  if (caller.method === 'none' && !grant.isPublic)
    return invalidGrant('The grant belongs to a confidential client')
  const asked = form
    .get('scope')
    ?.split(' ')
    .filter((one) => one !== '')
  if (asked?.some((one) => !grant.scope.includes(one))) {
    return { status: 400, error: 'invalid_scope', description: 'More than was granted' }
  }
  const { policy, grants } = state
  if (policy.refreshEndsAccessToken) grants.endAccessTokens(grant)
  const issue = { grant, grantType: 'refresh_token', scope: asked ?? grant.scope } as const
  if (inGrace && !policy.graceRotates) return { ...issue, refreshToken: grants.refreshTokenOf(grant) }
  const rotates = policy.rotate === 'public' ? caller.method === 'none' : policy.rotate
  if (!rotates && !inGrace) {
    return { ...issue, refreshToken: policy.repeatRefreshToken ? grants.refreshTokenOf(grant) : undefined }
  }
  if (policy.spendOnRotate) grants.spend(grant)
  return { ...issue, refreshToken: grants.addRefreshToken(grant) }
}

function byClient(
  form: URLSearchParams,
  caller: AuthenticatedClient,
  state: ServerState,
): Issue | OAuthProblem {
  if (caller.method === 'none') {
    return {
      status: 400,
      error: 'unauthorized_client',
      description: 'A public client has no token of its own',
    }
  }
  const scope = (form.get('scope') ?? '').split(' ').filter((one) => one !== '')
  const { knownScopes } = state.policy
  if (knownScopes !== undefined && scope.some((one) => !knownScopes.includes(one))) {
    return { status: 400, error: 'invalid_scope', description: 'Not all of the scope is known' }
  }
  const audience = form.get('audience') ?? undefined
  const { clientId } = caller.client
  const from = {
    clientId,
    userId: undefined,
    nonce: undefined,
    scope,
    audience,
    authorizedAt: state.now(),
    isPublic: false,
    isBound: true,
  }
  return { grant: state.grants.open(from), grantType: 'client_credentials', refreshToken: undefined, scope }
}

/** An `Issue`, and the issuer as the client knows it. */
type Answered = Issue & { readonly issuer: string }

function answer(
  issue: Answered,
  state: ServerState,
  idToken: AuthorizationServerBehaviour['idToken'],
): object {
  const { issuer } = issue
  const at = { issuedAt: state.now(), issuer }
  const { token: accessToken, lifetimeSeconds } = state.grants.addAccessToken(issue.grant, at)
  const { refreshToken, scope, grantType } = issue
  state.mints[grantType]++
  const withIdToken = state.oidc && scope.includes('openid') && grantType !== 'client_credentials'
  const due = withIdToken && (grantType !== 'refresh_token' || state.policy.idTokenOnRefresh)
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: state.dialect.expiresIn(lifetimeSeconds),
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    ...(state.dialect.answersScope(issue.grant) ? { scope: scope.join(' ') } : {}),
    ...(due ? { id_token: makeIdToken({ ...issue, grantType }, state, accessToken, idToken) } : {}),
    ...state.dialect.tokenFields?.(issue.grant),
  }
}

function makeIdToken(
  issue: Answered & Pick<IdTokenBuilder, 'grantType'>,
  state: ServerState,
  accessToken: string,
  make: AuthorizationServerBehaviour['idToken'],
): string {
  const { grant, grantType, issuer } = issue
  const now = Math.floor(state.now())
  const claims = {
    ...(state.dialect.idTokenClaims ?? state.dialect.userinfo)(state.user(grant.userId ?? ''), grant),
    iss: issuer,
    aud: grant.clientId,
    iat: now,
    exp: now + 3600,
    auth_time: Math.floor(grant.authorizedAt),
    at_hash: accessTokenHash(accessToken),
    ...(grant.nonce !== undefined && grantType === 'authorization_code' ? { nonce: grant.nonce } : {}),
  }
  const client = state.clients.get(grant.clientId) ?? {}
  const build = new IdTokenBuilder(state.keys, claims, client, grantType)
  const idToken = make?.(build) ?? build.sign()
  state.marks.add('id_token', idToken)
  return idToken
}

function invalidGrant(description: string | undefined): OAuthProblem {
  return { status: 400, error: 'invalid_grant', description }
}

function invalidRequest(description: string): OAuthProblem {
  return { status: 400, error: 'invalid_request', description }
}
