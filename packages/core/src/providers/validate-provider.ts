import { LatchkeyError } from '../errors.ts'
import { isOptionsObject, isTextList, kindOf } from '../input/kind-of.ts'
import { reservedAuthorizationParams } from '../protocol/authorization.ts'
import { reservedTokenParams } from '../protocol/client-request.ts'
import { isProtectedUrl, isPureOrigin } from '../protocol/endpoint-url.ts'
import type { ClientAuth, ProviderPreset } from '../protocol/provider.ts'

/** A field that cannot be used, and what to write instead. */
interface Fault {
  readonly option: string
  readonly fix: string
}

type Check = (provider: ProviderPreset) => Fault | undefined

/**
 * Refuses a provider that could not work, or that would be less safe than it looks. Also what TypeScript would have
 * refused, for apps written in JavaScript.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export function validateProvider(provider: ProviderPreset): void {
  for (const check of checks) {
    const fault = check(provider)
    if (fault === undefined) continue
    throw new LatchkeyError('invalid_options', `${provider.id}: ${fault.option} ${fault.fix}`, {
      provider: provider.id,
      reason: fault.option,
    })
  }
}

const knownAlgorithms = /^(?:[RPEH]S(?:256|384|512)|EdDSA|Ed25519|ML-DSA-(?:44|65|87))$/
/** `token` of RFC 9110 §5.6.2: a header's name, and an authorization scheme. */
const headerToken = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const reservedTokenHeaders = new Set([
  'authorization',
  'host',
  'content-type',
  'content-length',
  'transfer-encoding',
])

const checks: readonly Check[] = [
  ({ id }) =>
    typeof id === 'string' && /^[a-z0-9][a-z0-9-]{0,62}$/.test(id)
      ? undefined
      : { option: 'id', fix: 'must be lower-case letters, digits and "-", at most 63.' },
  ({ clientId }) => noText('clientId', clientId),
  ({ clientSecret }) => noText('clientSecret', clientSecret),
  ({ name }) => (name === '' ? { option: 'name', fix: 'must not be empty.' } : undefined),
  checkEndpoints,
  checkIssuer,
  ({ resourceOrigins }) => {
    if (!isTextList(resourceOrigins))
      return noList('resourceOrigins', resourceOrigins, 'https://api.example.com')
    const wrong = resourceOrigins.find((origin) => !isPureOrigin(origin))
    if (wrong === undefined) return undefined
    return {
      option: 'resourceOrigins',
      fix: `must hold origins only, like 'https://api.example.com': no path, no wildcard, https except on 127.0.0.1. Not ${JSON.stringify(wrong)}.`,
    }
  },
  ({ pkce }) =>
    ['required', 'supported', 'never'].includes(pkce)
      ? undefined
      : { option: 'pkce', fix: "must be 'required', 'supported' or 'never'; the method is always S256." },
  ({ pkce, clientAuth }) =>
    pkce === 'never' && clientAuth.method === 'none'
      ? {
          option: 'pkce',
          fix: "cannot be 'never' for a client without a secret: anybody could spend its codes.",
        }
      : undefined,
  checkClientAuth,
  checkScope,
  ({ scopeSeparator }) => oneOf('scopeSeparator', scopeSeparator, [' ', ',']),
  ({ responseMode }) => oneOf('responseMode', responseMode, ['query', 'form_post']),
  ({ tokenBodyFormat }) => oneOf('tokenBodyFormat', tokenBodyFormat, ['form', 'json']),
  ({ revocation }) => oneOf('revocation', revocation, ['token', 'authorization']),
  ({ params }) => reservedName('params', params, reservedAuthorizationParams),
  ({ tokenParams }) => reservedName('tokenParams', tokenParams, reservedTokenParams),
  ({ tokenHeaders }) => reservedName('tokenHeaders', tokenHeaders, reservedTokenHeaders),
  ({ tokenHeaders }) => checkHeaders('tokenHeaders', tokenHeaders),
  ({ resourceHeaders }) => checkHeaders('resourceHeaders', resourceHeaders),
  checkCredentials,
  ({ apiKeyHeaders }) =>
    apiKeyHeaders === undefined || typeof apiKeyHeaders === 'function'
      ? undefined
      : {
          option: 'apiKeyHeaders',
          fix: `must be a function that returns headers, not ${kindOf(apiKeyHeaders)}.`,
        },
  ({ idTokenAlgorithms }) =>
    isTextList(idTokenAlgorithms) && idTokenAlgorithms.every((algorithm) => knownAlgorithms.test(algorithm))
      ? undefined
      : {
          option: 'idTokenAlgorithms',
          fix: "must name signature algorithms like 'RS256'; 'none' is not one.",
        },
  ({ keepAccounts }) =>
    keepAccounts === undefined || typeof keepAccounts === 'boolean'
      ? undefined
      : { option: 'keepAccounts', fix: `must be true or false, not ${kindOf(keepAccounts)}.` },
  ({ clientCredentials }) =>
    typeof clientCredentials === 'boolean'
      ? undefined
      : { option: 'clientCredentials', fix: `must be true or false, not ${kindOf(clientCredentials)}.` },
  ({ expiryNoticeDays }) =>
    typeof expiryNoticeDays === 'number' && expiryNoticeDays >= 0 && expiryNoticeDays <= 366
      ? undefined
      : { option: 'expiryNoticeDays', fix: 'must be a number of days from 0 to 366.' },
  ({ idTokenIssuers }) =>
    idTokenIssuers === undefined || (isTextList(idTokenIssuers) && !idTokenIssuers.includes(''))
      ? undefined
      : noList('idTokenIssuers', idTokenIssuers, 'accounts.example.com'),
  ({ authorizationResponseName }) =>
    authorizationResponseName === undefined || typeof authorizationResponseName === 'function'
      ? undefined
      : {
          option: 'authorizationResponseName',
          fix: `must be a function that returns the name, not ${kindOf(authorizationResponseName)}.`,
        },
  ({ callbackPath }) =>
    callbackPath === undefined || /^\/[A-Za-z0-9._~/-]*$/.test(callbackPath)
      ? undefined
      : { option: 'callbackPath', fix: "must be a plain path like '/callback/example'." },
]

function checkEndpoints(provider: ProviderPreset): Fault | undefined {
  const { issuer, authorizationEndpoint, tokenEndpoint, userinfo } = provider
  const endpoints = {
    authorizationEndpoint,
    tokenEndpoint,
    revocationEndpoint: provider.revocationEndpoint,
    deviceAuthorizationEndpoint: provider.deviceAuthorizationEndpoint,
    jwksUri: provider.jwksUri,
    'userinfo.endpoint': userinfo?.endpoint,
    'clientLogin.login': provider.clientLogin?.login.endpoint,
    'clientLogin.refresh': provider.clientLogin?.refresh.endpoint,
  }
  for (const [option, url] of Object.entries(endpoints)) {
    if (url !== undefined && !isProtectedUrl(url)) {
      return {
        option,
        fix: 'must be an https URL (http only on 127.0.0.1 or [::1]) without user, password and #.',
      }
    }
  }
  if (issuer !== undefined || provider.clientLogin !== undefined) return undefined
  if (authorizationEndpoint === undefined)
    return { option: 'authorizationEndpoint', fix: 'is missing. Set it.' }
  if (tokenEndpoint === undefined) return { option: 'tokenEndpoint', fix: 'is missing. Set it.' }
  return undefined
}

function checkIssuer({ issuer, authorizationResponseIss }: ProviderPreset): Fault | undefined {
  if (issuer === undefined) {
    if (authorizationResponseIss !== true) return undefined
    return { option: 'authorizationResponseIss', fix: 'needs an issuer to compare with. Set issuer.' }
  }
  if (isProtectedUrl(issuer) && new URL(issuer).search === '') return undefined
  return { option: 'issuer', fix: 'must be an https URL (http only on 127.0.0.1 or [::1]) without query.' }
}

const authMethods: readonly string[] = [
  'client_secret_basic',
  'client_secret_basic_raw',
  'client_secret_post',
  'client_secret_jwt',
  'private_key_jwt',
  'none',
]

function checkClientAuth(provider: ProviderPreset): Fault | undefined {
  const { clientAuth, revocationClientAuth = clientAuth } = provider
  return (
    authFault('clientAuth', clientAuth, provider) ??
    authFault('revocationClientAuth', revocationClientAuth, provider)
  )
}

function authFault(option: string, auth: ClientAuth, { clientId }: ProviderPreset): Fault | undefined {
  if (!isOptionsObject(auth) || !authMethods.includes(auth.method))
    return { option, fix: `must have a method of ${authMethods.join(', ')}.` }
  if (auth.method === 'client_secret_basic_raw' && clientId?.includes(':'))
    return { option, fix: "cannot send a client id with ':' unencoded. Use 'client_secret_basic'." }
  const makesSecret =
    !('clientSecret' in auth) || ['undefined', 'function'].includes(typeof auth.clientSecret)
  return makesSecret
    ? undefined
    : { option, fix: 'takes clientSecret as a function only. A fixed one is an option of the provider.' }
}

function checkScope({ scope, scopeSeparator }: ProviderPreset): Fault | undefined {
  if (!isTextList(scope)) return noList('scope', scope, 'user-read-email')
  const wrong = scope.some((name) => name === '' || /[\s"\\]/.test(name) || name.includes(scopeSeparator))
  return wrong
    ? { option: 'scope', fix: "must be a list with one scope in each entry: ['a', 'b']." }
    : undefined
}

function noText(option: string, value: unknown): Fault | undefined {
  return value === undefined || typeof value === 'string'
    ? undefined
    : { option, fix: `must be a string, not ${kindOf(value)}.` }
}

function noList(option: string, value: unknown, example: string): Fault {
  return { option, fix: `must be a list of strings, like ['${example}'], not ${kindOf(value)}.` }
}

function oneOf(option: string, value: string, values: readonly string[]): Fault | undefined {
  if (values.includes(value)) return undefined
  return { option, fix: `must be ${values.map((known) => `'${known}'`).join(' or ')}.` }
}

function reservedName(
  option: string,
  fields: Readonly<Record<string, string>>,
  reserved: ReadonlySet<string>,
): Fault | undefined {
  const name = Object.keys(fields).find((field) => reserved.has(field.toLowerCase()))
  return name === undefined
    ? undefined
    : { option, fix: `may not set "${name}", which Latchkey sets itself.` }
}

function checkCredentials({ credentials }: ProviderPreset): Fault | undefined {
  if ('headers' in credentials) return checkHeaders('credentials', credentials.headers)
  if (headerToken.test(credentials.scheme)) return undefined
  return { option: 'credentials', fix: "must have a scheme of one word, like { scheme: 'Bearer' }." }
}

function checkHeaders(option: string, headers: Readonly<Record<string, string>>): Fault | undefined {
  for (const [name, value] of Object.entries(headers)) {
    if (!headerToken.test(name) || !/^[\t\x20-\x7e]*$/.test(value)) {
      return { option, fix: `holds a header that HTTP forbids: "${name.replace(/[^ -~]/g, '?')}".` }
    }
  }
  return undefined
}
