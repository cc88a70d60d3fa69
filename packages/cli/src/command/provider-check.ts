import { OAuthClient, type ProviderPreset } from '@latchkey/core'
import { credentialVariables } from '@latchkey/core/terminal'
import { type Finding, ok, problem, warning } from './finding.ts'
import { causeOf } from './network-error.ts'
import { type BaseUrls, redirectUris } from './redirect-uris.ts'

const longestLookMs = 5_000
const tolerableSkewSeconds = 5
const breakingSkewSeconds = 60

/** The client, what to register, and what the provider itself says. */
export async function checkProvider(
  preset: ProviderPreset,
  baseUrls: BaseUrls | undefined,
): Promise<readonly Finding[]> {
  const { name } = preset
  const isForUsers = preset.issuer !== undefined || preset.authorizationEndpoint !== undefined
  const toRegister = baseUrls !== undefined && isForUsers ? registrations(preset, baseUrls) : []
  const own = [credentials(preset), ...toRegister]
  const answer = await look(preset)
  if ('failure' in answer) {
    const { origin, failure } = answer
    const text = `${origin} cannot be reached (${failure}). Check the network, the proxy and the address.`
    return [...own, problem(name, text)]
  }
  return [
    ...own,
    ok(name, `${answer.origin} answers`),
    ...clockSkew(name, answer.date),
    ...(isForUsers ? [pkce(preset, answer.document)] : []),
    ...(preset.issuer === undefined ? [] : [await discovery(preset)]),
  ]
}

function credentials({ id, name, clientId, clientSecret, clientAuth, clientLogin }: ProviderPreset): Finding {
  const variables = credentialVariables(id)
  const needsSecret = clientAuth.method.startsWith('client_secret') || clientLogin !== undefined
  if (!clientId && !process.env[variables.clientId])
    return problem(name, `no client id. Set ${variables.clientId}, or the option clientId.`)
  if (!needsSecret) return ok(name, 'the client id is there')
  if (clientSecret || process.env[variables.clientSecret]) return ok(name, 'client id and secret are there')
  return warning(
    name,
    `no client secret. A server needs ${variables.clientSecret}; a program in a terminal does without.`,
  )
}

function registrations(preset: ProviderPreset, baseUrls: BaseUrls): readonly Finding[] {
  const isLiteral = preset.redirectUriRule === 'loopback_literal'
  const rule = isLiteral ? '(https, or http with 127.0.0.1 or [::1], never localhost) ' : ''
  return redirectUris(preset, baseUrls).map((uri) =>
    ok(preset.name, `register this redirect URI ${rule}letter for letter: ${uri}`),
  )
}

interface Looked {
  readonly origin: string
  readonly date: string | null
  /** The discovery document, where there is one. */
  readonly document: Readonly<Record<string, unknown>> | undefined
}

async function look({
  issuer,
  authorizationEndpoint,
  tokenEndpoint,
  clientLogin,
}: ProviderPreset): Promise<Looked | { readonly origin: string; readonly failure: string }> {
  const url =
    issuer === undefined
      ? (authorizationEndpoint ?? tokenEndpoint ?? clientLogin?.login.endpoint ?? '')
      : `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const { origin } = new URL(url)
  try {
    const target = issuer === undefined ? origin : url
    const reply = await fetch(target, { redirect: 'manual', signal: AbortSignal.timeout(longestLookMs) })
    const document: unknown =
      issuer === undefined || !reply.ok ? undefined : await reply.json().catch(() => undefined)
    return { origin, date: reply.headers.get('date'), document: document as Looked['document'] }
  } catch (error) {
    return { origin, failure: causeOf(error) }
  }
}

function clockSkew(about: string, date: string | null): readonly Finding[] {
  const theirs = Date.parse(date ?? '')
  if (Number.isNaN(theirs)) return []
  const seconds = Math.round((Date.now() - theirs) / 1_000)
  const size = Math.abs(seconds)
  if (size <= tolerableSkewSeconds) return [ok(about, 'its clock and this one agree')]
  const direction = seconds > 0 ? 'ahead of' : 'behind'
  const text = `the clock of this machine is ${size} s ${direction} it. Turn on time synchronisation (NTP).`
  return [size > breakingSkewSeconds ? problem(about, text) : warning(about, text)]
}

function pkce({ name, pkce: wanted }: ProviderPreset, document: Looked['document']): Finding {
  const methods = document?.code_challenge_methods_supported
  if (wanted === 'never') return ok(name, 'knows no PKCE; state and client secret protect the sign-in')
  if (!Array.isArray(methods)) return ok(name, 'is used with PKCE; it does not say whether it checks it')
  if (methods.includes('S256')) return ok(name, 'supports PKCE with S256')
  return problem(
    name,
    "does not support PKCE with S256. Set pkce: 'never', if it knows no other, and keep the secret.",
  )
}

async function discovery(preset: ProviderPreset): Promise<Finding> {
  const client = new OAuthClient({
    ...preset,
    clientId: preset.clientId ?? 'doctor',
    clientAuth: { method: 'none' },
    pkce: 'required',
  })
  try {
    await client.authorizationUrl({ redirectUri: `https://app.example/callback/${preset.id}` })
    return ok(preset.name, 'its discovery document is right')
  } catch (error) {
    return problem(preset.name, (error as Error).message)
  } finally {
    await client.close()
  }
}
