import { readFile } from 'node:fs/promises'
import type { ProviderPreset } from '@latchkey/core'
import * as presets from '@latchkey/core/providers'
import { closestName } from '@latchkey/core/terminal'
import type { Arguments } from './arguments.ts'
import { UnreachableError, UsageError } from './failure.ts'
import { causeOf } from './network-error.ts'

type MakePreset = (options: Readonly<Record<string, unknown>>) => ProviderPreset

/** Presets by the names that people type, `github-app` for `githubApp`. */
const presetsByName: ReadonlyMap<string, MakePreset> = new Map(
  Object.entries(presets).flatMap(([name, value]): [string, MakePreset][] =>
    typeof value === 'function'
      ? [[name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), value as MakePreset]]
      : [],
  ),
)

/**
 * The provider that an argument names, with the options of the call, of a file and of the environment.
 * @throws {UsageError}, {LatchkeyError} `invalid_options`
 */
export async function presetOf(name: string | undefined, args: Arguments): Promise<ProviderPreset> {
  const known = [...presetsByName.keys()]
  const list = known.join(', ')
  if (name === undefined) throw new UsageError(`Which provider? Known are ${list}.`, args.command)
  const make = presetsByName.get(name)
  if (make === undefined) {
    const meant = closestName(name, known)
    const hint = meant === undefined ? '' : ` Did you mean "${meant}"?`
    throw new UsageError(
      `There is no provider "${name}".${hint} Known are ${list}; oidc and oauth2 are any other, with --set.`,
      args.command,
    )
  }
  const clientId = args.text('client-id')
  const settings = args.list('set').map(setting)
  const options = {
    ...(await fromFile(name, args)),
    ...Object.fromEntries(settings),
    ...(clientId && { clientId }),
  }
  return make(options)
}

function setting(text: string): readonly [string, unknown] {
  const equals = text.indexOf('=')
  if (equals < 1) throw new UsageError(`--set wants <field>=<value>, not "${text}".`)
  const [field, value] = [text.slice(0, equals), text.slice(equals + 1)]
  if (/secret|password|key$/i.test(field))
    throw new UsageError(
      `--set ${field}: arguments can be read by everybody on the machine. Use the environment, or --providers.`,
    )
  return [field, value.startsWith('[') || value.startsWith('{') ? json(value, `--set ${field}`) : value]
}

async function fromFile(name: string, args: Arguments): Promise<Readonly<Record<string, unknown>>> {
  const place = args.text('providers') ?? process.env.LATCHKEY_PROVIDERS
  if (place === undefined || place === '') return {}
  const where = `--providers (or LATCHKEY_PROVIDERS): ${place}`
  const all = new Map(Object.entries(objectIn(json(await textAt(place, where), where), where)))
  return objectIn(all.get(name) ?? {}, `${where}: ${name}`)
}

function objectIn(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return Object.fromEntries(Object.entries(value))
  throw new UsageError(`${where} must be an object: { "spotify": { "clientId": "…" } }.`)
}

async function textAt(place: string, where: string): Promise<string> {
  const url = /^https?:/.test(place) ? URL.parse(place) : undefined
  if (url === undefined) {
    return readFile(place, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new UsageError(`${where} cannot be read (${error.code}).`)
    })
  }
  if (url === null || (url.hostname !== '127.0.0.1' && url.hostname !== '[::1]'))
    throw new UsageError('--providers takes a file, or an address of this machine: http://127.0.0.1:…')
  const reply = await fetch(url).catch((error: unknown) => {
    throw new UnreachableError(
      `${where} does not answer (${causeOf(error)}). Is "npx @latchkey/testing --port ${url.port}" running?`,
    )
  })
  if (!reply.ok) throw new UsageError(`${where} answers ${reply.status}.`)
  return reply.text()
}

function json(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageError(`${where} is not JSON.`)
  }
}
