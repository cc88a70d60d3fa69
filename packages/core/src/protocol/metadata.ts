import type { Clock } from '../clock.ts'
import { LatchkeyError } from '../errors.ts'
import { type Logger, printable } from '../log.ts'
import type { Transport } from '../transport/transport.ts'
import { isProtectedUrl } from './endpoint-url.ts'
import type { JsonObject } from './json-object.ts'
import { type Provider, signsUsersIn } from './provider.ts'
import { fetchServerDocument } from './server-document.ts'

/** What is known of an authorization server, from the provider's data and its discovery document. */
export interface ServerMetadata {
  readonly issuer?: string
  readonly authorizationEndpoint: string
  readonly tokenEndpoint: string
  readonly revocationEndpoint?: string
  readonly userinfoEndpoint?: string
  readonly deviceAuthorizationEndpoint?: string
  readonly jwksUri?: string
  /** RFC 9207: every authorization response carries `iss`. */
  readonly authorizationResponseIss: boolean
}

type EndpointName = (typeof discoveredEndpoints)[number]['field']

const discoveredEndpoints = [
  { field: 'authorizationEndpoint', member: 'authorization_endpoint', required: true },
  { field: 'tokenEndpoint', member: 'token_endpoint', required: true },
  { field: 'jwksUri', member: 'jwks_uri', required: true },
  { field: 'revocationEndpoint', member: 'revocation_endpoint', required: false },
  { field: 'userinfoEndpoint', member: 'userinfo_endpoint', required: false },
  { field: 'deviceAuthorizationEndpoint', member: 'device_authorization_endpoint', required: false },
] as const

const fetchDeadlineMs = 5_000
/** A document is asked for again after an hour. */
const freshSeconds = 3600
/** While the endpoint is down, the last good document serves this long. */
const staleSeconds = 24 * 3600
/** After a failure with a good document at hand. */
const retrySeconds = 60
/** After many failures in a row without one: visitors come faster than a server recovers. */
const believedSeconds = 1
const manyFailures = 10

/**
 * The metadata of one authorization server: configured, or discovered at first use and cached.
 * Safe for concurrent use: one fetch at a time.
 *
 * @see OpenID Connect Discovery 1.0 §4, RFC 8414 §3.3
 */
export class MetadataSource {
  readonly #provider: Provider
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #log: Logger
  /** Where each endpoint was at first use. */
  readonly #origins = new Map<EndpointName, string>()
  #known: { readonly metadata: ServerMetadata; readonly fetchedAt: number } | undefined
  #nextFetchAt = 0
  #failures = 0
  #lastFailure: { readonly error: unknown; readonly at: number } | undefined
  #fetching: Promise<ServerMetadata> | undefined

  constructor(deps: { provider: Provider; transport: Transport; clock: Clock; log: Logger }) {
    this.#provider = deps.provider
    this.#transport = deps.transport
    this.#clock = deps.clock
    this.#log = deps.log
  }

  /**
   * @throws {LatchkeyError} `as_unavailable`: the document cannot be fetched and none is known.
   * @throws {LatchkeyError} `not_supported`: the provider signs nobody in.
   * @throws {LatchkeyError} `as_misconfigured`: it names another issuer, lacks an endpoint, or moved one.
   */
  async get(): Promise<ServerMetadata> {
    const configured = configuredMetadata(this.#provider)
    if (configured !== undefined) return configured
    if (!signsUsersIn(this.#provider)) throw signsNobodyIn(this.#provider)
    const known = this.#known
    const now = this.#clock.now()
    // The distance, not the age: a clock set back must not make a document immortal.
    const age = known === undefined ? Number.POSITIVE_INFINITY : Math.abs(now - known.fetchedAt)
    if (known !== undefined && (age < freshSeconds || (age < staleSeconds && now < this.#nextFetchAt))) {
      return known.metadata
    }
    const serves = known !== undefined && age < staleSeconds
    if (!serves && this.#fetching === undefined) this.#throwBelieved(now)
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined
    })
    try {
      return await this.#fetching
    } catch (error) {
      if (!serves) throw error
      return known.metadata
    }
  }

  async #fetch(): Promise<ServerMetadata> {
    const { id, issuer = '' } = this.#provider
    const now = this.#clock.now()
    try {
      const document = await fetchServerDocument({
        transport: this.#transport,
        url: `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
        deadlineMs: fetchDeadlineMs,
        provider: id,
        now,
      })
      const metadata = readMetadata(document, this.#provider)
      this.#pinOrigins(metadata)
      this.#known = { metadata, fetchedAt: now }
      this.#failures = 0
      return metadata
    } catch (error) {
      this.#nextFetchAt = now + retrySeconds
      this.#failures += 1
      this.#lastFailure = { error, at: this.#clock.now() }
      const reason = LatchkeyError.is(error) ? error.reason : undefined
      this.#log.warn(
        { event: 'metadata.rejected', provider: id, reason },
        'The discovery document is not usable.',
      )
      throw error
    }
  }

  /** A flood of visitors costs the server one request a second. */
  #throwBelieved(now: number): void {
    const { error, at } = this.#lastFailure ?? { at: Number.NEGATIVE_INFINITY }
    if (this.#failures >= manyFailures && Math.abs(now - at) < believedSeconds) throw error
  }

  // Whoever can change the document must not be able to lead codes, secrets and refresh tokens to another host.
  #pinOrigins(metadata: ServerMetadata): void {
    for (const { field } of discoveredEndpoints) {
      const endpoint = metadata[field]
      if (endpoint === undefined || configuredEndpoint(this.#provider, field) !== undefined) continue
      const origin = new URL(endpoint).origin
      const pinned = this.#origins.get(field)
      if (pinned !== undefined && pinned !== origin) {
        throw misconfigured(
          this.#provider,
          'endpoint_moved',
          `its discovery document moved ${field} from ${pinned} to ${origin}. ` +
            `If that is right, restart, or configure ${field}.`,
        )
      }
    }
    for (const { field } of discoveredEndpoints) {
      const endpoint = metadata[field]
      if (endpoint !== undefined) this.#origins.set(field, new URL(endpoint).origin)
    }
  }
}

/** The error where a user is to be signed in at a provider that knows none. */
export function signsNobodyIn({ id, name }: Pick<Provider, 'id' | 'name'>): LatchkeyError {
  const message = `${name} signs no users in: it gives tokens to the app itself, by application('${id}') or clientCredentials().`
  return new LatchkeyError('not_supported', message, { provider: id })
}

/** What the provider's data say alone; `undefined` when the discovery document is needed. */
function configuredMetadata(provider: Provider): ServerMetadata | undefined {
  const { issuer, authorizationEndpoint, tokenEndpoint, jwksUri, deviceAuthorizationEndpoint } = provider
  if (authorizationEndpoint === undefined || tokenEndpoint === undefined) return undefined
  if (issuer !== undefined && jwksUri === undefined) return undefined
  return {
    ...(issuer === undefined ? {} : { issuer }),
    authorizationEndpoint,
    tokenEndpoint,
    ...(provider.revocationEndpoint === undefined ? {} : { revocationEndpoint: provider.revocationEndpoint }),
    ...(provider.userinfo?.endpoint === undefined ? {} : { userinfoEndpoint: provider.userinfo.endpoint }),
    ...(deviceAuthorizationEndpoint === undefined ? {} : { deviceAuthorizationEndpoint }),
    ...(jwksUri === undefined ? {} : { jwksUri }),
    authorizationResponseIss: provider.authorizationResponseIss ?? false,
  }
}

function configuredEndpoint(provider: Provider, field: EndpointName): string | undefined {
  return field === 'userinfoEndpoint' ? provider.userinfo?.endpoint : provider[field]
}

function readMetadata(document: JsonObject, provider: Provider): ServerMetadata {
  const { issuer = '' } = provider
  // String equality only: a trailing slash or another case is another issuer (RFC 8414 §3.3).
  if (document.issuer !== issuer) {
    throw misconfigured(
      provider,
      'issuer_mismatch',
      `its discovery document names the issuer ${shown(document.issuer)}, configured is ${shown(issuer)}. They must be equal.`,
    )
  }
  const endpoint = (field: EndpointName, member: string): string | undefined => {
    const url = configuredEndpoint(provider, field) ?? document[member]
    if (url === undefined || url === null) return undefined
    if (typeof url === 'string' && isProtectedUrl(url)) return url
    throw misconfigured(provider, 'endpoint_invalid', `its discovery document has no https URL as ${member}.`)
  }
  const endpoints: { -readonly [Name in EndpointName]?: string } = {}
  for (const { field, member, required } of discoveredEndpoints) {
    const url = endpoint(field, member)
    if (url !== undefined) endpoints[field] = url
    else if (required) {
      throw misconfigured(
        provider,
        'endpoint_missing',
        `its discovery document has no ${member}. Configure ${field}.`,
      )
    }
  }
  const { authorizationEndpoint = '', tokenEndpoint = '', ...others } = endpoints
  const { authorizationResponseIss = document.authorization_response_iss_parameter_supported === true } =
    provider
  return { issuer, authorizationEndpoint, tokenEndpoint, ...others, authorizationResponseIss }
}

function misconfigured(provider: Provider, reason: string, text: string): LatchkeyError {
  return new LatchkeyError('as_misconfigured', `${provider.id}: ${text}`, { provider: provider.id, reason })
}

/** A foreign value, cut and on one line. */
function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(printable(value.slice(0, 200))) : 'none'
}
