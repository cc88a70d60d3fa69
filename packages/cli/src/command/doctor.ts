import { type Logger, OAuthClient, type ProviderPreset } from '@latchkey/core'
import { checkedSecrets, printable } from '@latchkey/core/terminal'
import type { Report } from './account-commands.ts'
import type { Arguments } from './arguments.ts'
import type { Finding } from './finding.ts'
import { presetOf } from './presets.ts'
import { checkRedis } from './redis-check.ts'

const marks = { ok: '✓', warning: '!', problem: '✗' } as const
const longestLookMs = 5_000
const leastNode = [22, 19] as const
const tolerableSkewSeconds = 5
const breakingSkewSeconds = 60

/** `latchkey doctor`. */
export async function doctor(args: Arguments): Promise<Report> {
  const baseUrl = args.text('base-url') ?? process.env.LATCHKEY_BASE_URL
  const redisUrl = args.text('redis') ?? process.env.REDIS_URL
  const app = args.text('app')
  const presets = await Promise.all(args.operands.map((name) => presetOf(name, args)))
  const found = (
    await Promise.all([
      [nodeVersion(process.versions.node)],
      [secret(process.env.LATCHKEY_SECRET, presets)],
      baseUrl === undefined ? [noBaseUrl] : [checkBaseUrl(baseUrl)],
      ...presets.map((preset) => checkProvider(preset, baseUrl)),
      ...(app === undefined ? [] : presets.map((preset) => checkApp(app, preset, baseUrl))),
      redisUrl === undefined ? [noRedis] : checkRedis(redisUrl),
    ])
  ).flat()
  const text = found.map((one) => printable(`${marks[one.level]} ${one.about}: ${one.text}`)).join('\n')
  return { json: found, text, exitCode: found.some(({ level }) => level === 'problem') ? 1 : 0 }
}

const noBaseUrl: Finding = {
  about: 'base URL',
  level: 'warning',
  text: 'not named, so no redirect URIs can be said. Pass --base-url https://…, as it stands in latchkey({ baseUrl }).',
}
const noRedis: Finding = {
  about: 'Redis',
  level: 'warning',
  text: 'not named. With one process the memory will do; for several pass --redis redis://…',
}

function nodeVersion(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isOld = major < leastNode[0] || (major === leastNode[0] && minor < leastNode[1])
  const about = 'Node'
  if (isOld)
    return {
      about,
      level: 'problem',
      text: `${version} is too old. Install ${leastNode.join('.')} or newer.`,
    }
  return { about, level: 'ok', text: version }
}

function secret(value: string | undefined, presets: readonly ProviderPreset[]): Finding {
  const about = 'LATCHKEY_SECRET'
  if (!value) {
    const text = 'not set. Production does not start without it: export LATCHKEY_SECRET="$(latchkey keygen)"'
    return { about, level: 'problem', text }
  }
  const others = presets.flatMap(({ clientSecret }) => clientSecret ?? [])
  try {
    const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} }
    const [, ...older] = checkedSecrets(
      value.split(',').map((one) => one.trim()),
      { isProduction: true, log: quiet },
      others,
    )
    return {
      about,
      level: 'ok',
      text: older.length === 0 ? 'long and random' : `long and random, with ${older.length} older`,
    }
  } catch (error) {
    return { about, level: 'problem', text: (error as Error).message }
  }
}

function checkBaseUrl(text: string): Finding {
  const about = 'base URL'
  const url = URL.parse(text)
  if (
    url === null ||
    (url.protocol !== 'https:' && url.protocol !== 'http:') ||
    url.search !== '' ||
    url.hash !== ''
  )
    return {
      about,
      level: 'problem',
      text: `${text} is no base URL. Write https://app.example, with its path if the app has one.`,
    }
  const isLoopback = ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
  if (url.protocol === 'http:' && !isLoopback)
    return { about, level: 'problem', text: `${text} must be https: browsers keep secure cookies from http.` }
  if (url.hostname === 'localhost')
    return {
      about,
      level: 'problem',
      text: `write http://127.0.0.1 instead of localhost: providers such as Spotify refuse the name.`,
    }
  return { about, level: 'ok', text }
}

/** The client, what to register, and what the provider itself says. */
async function checkProvider(
  preset: ProviderPreset,
  baseUrl: string | undefined,
): Promise<readonly Finding[]> {
  const { id, name } = preset
  const findings: Finding[] = [credentials(preset)]
  const isForUsers = preset.issuer !== undefined || preset.authorizationEndpoint !== undefined
  if (baseUrl !== undefined && isForUsers) findings.push(redirectUri(preset, baseUrl))
  const answer = await look(preset)
  if ('failure' in answer) {
    const text = `${answer.origin} cannot be reached (${answer.failure}). Check the network, the proxy and the address.`
    return [...findings, { about: name, level: 'problem', text }]
  }
  findings.push({ about: name, level: 'ok', text: `${answer.origin} answers` })
  const skew = clockSkew(name, answer.date)
  if (skew !== undefined) findings.push(skew)
  if (isForUsers) findings.push(pkce(preset, answer.document))
  if (preset.issuer !== undefined) findings.push(...(await discovery(preset, id)))
  return findings
}

function credentials({ id, name, clientId, clientSecret, clientAuth, clientLogin }: ProviderPreset): Finding {
  const variable = id.toUpperCase().replaceAll('-', '_')
  const about = name
  const hasId = Boolean(clientId || process.env[`${variable}_CLIENT_ID`])
  const needsSecret = clientAuth.method.startsWith('client_secret') || clientLogin !== undefined
  const hasSecret = Boolean(clientSecret || process.env[`${variable}_CLIENT_SECRET`])
  if (!hasId)
    return {
      about,
      level: 'problem',
      text: `no client id. Set ${variable}_CLIENT_ID, or the option clientId.`,
    }
  if (needsSecret && !hasSecret) {
    const text = `no client secret. A server needs ${variable}_CLIENT_SECRET; a program in a terminal does without.`
    return { about, level: 'warning', text }
  }
  return {
    about,
    level: 'ok',
    text: needsSecret ? 'client id and secret are there' : 'the client id is there',
  }
}

function redirectUri({ id, name, callbackPath, redirectUriRule }: ProviderPreset, baseUrl: string): Finding {
  const uri = baseUrl.replace(/\/$/, '') + (callbackPath ?? `/callback/${id}`)
  const rule =
    redirectUriRule === 'loopback_literal' ? '(https, or http with 127.0.0.1 or [::1], never localhost) ' : ''
  return { about: name, level: 'ok', text: `register this redirect URI ${rule}letter for letter: ${uri}` }
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
    const { cause, name } = error as Error & { readonly cause?: { readonly code?: string } }
    return { origin, failure: cause?.code ?? name }
  }
}

function clockSkew(about: string, date: string | null): Finding | undefined {
  const theirs = Date.parse(date ?? '')
  if (Number.isNaN(theirs)) return undefined
  const seconds = Math.round((Date.now() - theirs) / 1_000)
  const size = Math.abs(seconds)
  if (size <= tolerableSkewSeconds) return { about, level: 'ok', text: 'its clock and this one agree' }
  const direction = seconds > 0 ? 'ahead of' : 'behind'
  const level = size > breakingSkewSeconds ? 'problem' : 'warning'
  return {
    about,
    level,
    text: `the clock of this machine is ${size} s ${direction} it. Turn on time synchronisation (NTP).`,
  }
}

function pkce({ name, pkce: wanted }: ProviderPreset, document: Looked['document']): Finding {
  const methods = document?.code_challenge_methods_supported
  const isSaid = Array.isArray(methods)
  if (wanted === 'never')
    return { about: name, level: 'ok', text: 'knows no PKCE; state and client secret protect the sign-in' }
  if (isSaid && !methods.includes('S256'))
    return {
      about: name,
      level: 'problem',
      text: "does not support PKCE with S256. Set pkce: 'never', if it knows no other, and keep the secret.",
    }
  return {
    about: name,
    level: 'ok',
    text: isSaid ? 'supports PKCE with S256' : 'is used with PKCE; it does not say whether it checks it',
  }
}

async function discovery(preset: ProviderPreset, id: string): Promise<readonly Finding[]> {
  const client = new OAuthClient({
    ...preset,
    clientId: preset.clientId ?? 'doctor',
    clientAuth: { method: 'none' },
    pkce: 'required',
  })
  try {
    const redirect = { redirectUri: `https://app.example/callback/${id}` }
    await client.authorizationUrl(redirect)
    return [{ about: preset.name, level: 'ok', text: 'its discovery document is right' }]
  } catch (error) {
    return [{ about: preset.name, level: 'problem', text: (error as Error).message }]
  } finally {
    await client.close()
  }
}

/** Which redirect URI a running app sends people there with. */
async function checkApp(
  app: string,
  { id, name }: ProviderPreset,
  baseUrl: string | undefined,
): Promise<readonly Finding[]> {
  const about = `${name} at ${app}`
  try {
    const url = `${app.replace(/\/$/, '')}/login/${id}`
    const headers = {
      accept: 'text/html',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-site': 'none',
      'sec-fetch-dest': 'document',
    }
    const reply = await fetch(url, {
      redirect: 'manual',
      headers,
      signal: AbortSignal.timeout(longestLookMs),
    })
    const location = URL.parse(reply.headers.get('location') ?? '', url)
    const sent = location?.searchParams.get('redirect_uri')
    if (reply.status === 404)
      return [
        {
          about,
          level: 'problem',
          text: `has no /login/${id}: add ${id}() to its providers, or say where with --app.`,
        },
      ]
    if (!sent)
      return [
        {
          about,
          level: 'problem',
          text: `/login/${id} answers ${reply.status} and leads to no provider. Look into the app's log.`,
        },
      ]
    const wanted = baseUrl === undefined ? undefined : `${baseUrl.replace(/\/$/, '')}/callback/${id}`
    if (wanted !== undefined && sent !== wanted)
      return [
        { about, level: 'warning', text: `it uses ${sent}, and not ${wanted}: its baseUrl is another one.` },
      ]
    return [{ about, level: 'ok', text: `it uses the redirect URI ${sent}` }]
  } catch (error) {
    return [{ about, level: 'problem', text: `cannot be reached (${(error as Error).name}). Is it running?` }]
  }
}
