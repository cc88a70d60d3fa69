import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey, jwtVerify } from 'jose'
import type { ReceivedRequest } from '../http/received-request.ts'
import type { ClientAuthMethod, RegisteredClient } from './client.ts'
import type { OAuthProblem } from './dialect.ts'
import type { ServerState } from './state.ts'

/** A client that proved itself. */
export interface AuthenticatedClient {
  readonly client: RegisteredClient
  readonly method: ClientAuthMethod
}

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** Authenticates the client of a token or revocation request (RFC 6749 §2.3, RFC 7523 §2.2), or says what is wrong. */
export async function authenticateClient(
  request: ReceivedRequest,
  state: ServerState,
): Promise<AuthenticatedClient | OAuthProblem> {
  const basic = /^Basic (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const { form } = request
  const used = [basic !== undefined, form.has('client_secret'), form.has('client_assertion')].filter(Boolean)
  if (used.length > 1) {
    return { status: 400, error: 'invalid_request', description: 'More than one client authentication' }
  }
  const found = await candidate(request, state, basic)
  const refused = {
    status: state.policy.invalidClientStatus,
    error: 'invalid_client',
    description: 'Invalid client',
  }
  if (found !== undefined && state.dialect.authMethods(found.client).includes(found.method)) return found
  return basic === undefined
    ? refused
    : { ...refused, status: 401, headers: { 'www-authenticate': 'Basic realm="token"' } }
}

async function candidate(
  request: ReceivedRequest,
  state: ServerState,
  basic: string | undefined,
): Promise<AuthenticatedClient | undefined> {
  const { form } = request
  if (basic !== undefined) return byBasic(basic, state)
  if (form.has('client_assertion')) return byAssertion(request, state)
  const clientId = form.get('client_id') ?? ''
  const secret = form.get('client_secret')
  const client = secret === null ? state.clients.get(clientId) : state.clients.withSecret(clientId, secret)
  return client && { client, method: secret === null ? 'none' : 'client_secret_post' }
}

function byBasic(credentials: string, state: ServerState): AuthenticatedClient | undefined {
  const plain = Buffer.from(credentials, 'base64').toString('utf8')
  const colon = plain.indexOf(':')
  if (colon < 0) return undefined
  const pair = [plain.slice(0, colon), plain.slice(colon + 1)]
  const { basicDecoding } = state.policy
  const readings = [
    ...(basicDecoding === 'raw' ? [] : [pair.map(formDecode)]),
    ...(basicDecoding === 'form' ? [] : [pair]),
  ]
  for (const [clientId = '', secret = ''] of readings) {
    const client = state.clients.withSecret(clientId, secret)
    if (client !== undefined) return { client, method: 'client_secret_basic' }
  }
  return undefined
}

async function byAssertion(
  request: ReceivedRequest,
  state: ServerState,
): Promise<AuthenticatedClient | undefined> {
  const { form } = request
  const { origin, issuer } = state.addressAt(request)
  const assertion = form.get('client_assertion') ?? ''
  const client = state.clients.get(form.get('client_id') ?? claimedSubject(assertion))
  if (client === undefined || form.get('client_assertion_type') !== ASSERTION_TYPE) return undefined
  const method = client.jwks === undefined ? 'client_secret_jwt' : 'private_key_jwt'
  try {
    const { payload, protectedHeader } = await jwtVerify(assertion, keysOf(client), {
      issuer: client.clientId,
      subject: client.clientId,
      audience: [issuer, origin + state.dialect.paths.token],
      requiredClaims: ['exp', 'jti'],
      currentDate: new Date(state.now() * 1000),
      clockTolerance: 30,
    })
    if ((method === 'client_secret_jwt') !== (protectedHeader.alg === 'HS256')) return undefined
    if (state.assertionIds.has(String(payload.jti))) return undefined
    state.assertionIds.add(String(payload.jti))
    return { client, method }
  } catch {
    return undefined
  }
}

/** The keys of an assertion: the registered ones, else the client secret. */
function keysOf({ jwks, clientSecret = '' }: RegisteredClient): JWTVerifyGetKey {
  // The option takes any JWK Set; jose checks its keys itself.
  if (jwks !== undefined) return createLocalJWKSet(jwks as unknown as JSONWebKeySet)
  const secret = new TextEncoder().encode(clientSecret)
  return async () => secret
}

function claimedSubject(assertion: string): string {
  try {
    const payload: unknown = JSON.parse(
      Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString('utf8'),
    )
    return typeof payload === 'object' && payload !== null && 'sub' in payload ? String(payload.sub) : ''
  } catch {
    return ''
  }
}

function formDecode(value: string): string {
  return new URLSearchParams(`v=${value.replaceAll('&', '%26')}`).get('v') ?? ''
}
