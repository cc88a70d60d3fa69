import { readFile } from 'node:fs/promises'
import type { ProviderPreset } from '@latchkey/core'
import * as presets from '@latchkey/core/providers'
import type { Arguments } from './arguments.ts'
import { UsageError } from './failure.ts'

type MakePreset = (options: Readonly<Record<string, unknown>>) => ProviderPreset

/** Presets by the names that people type, `github-app` for `githubApp`. */
export const presetsByName: ReadonlyMap<string, MakePreset> = new Map(
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
  const known = [...presetsByName.keys()].join(', ')
  if (name === undefined) throw new UsageError(`Which provider? Known are ${known}.`)
  const make = presetsByName.get(name)
  if (make === undefined)
    throw new UsageError(
      `There is no provider "${name}". Known are ${known}; oidc and oauth2 are any other, with --set.`,
    )
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
  const all = json(await textAt(place), place) as Readonly<Record<string, Readonly<Record<string, unknown>>>>
  return all[name] ?? {}
}

async function textAt(place: string): Promise<string> {
  if (!/^https?:/.test(place)) return readFile(place, 'utf8')
  const { hostname } = new URL(place)
  if (hostname !== '127.0.0.1' && hostname !== '[::1]')
    throw new UsageError('--providers takes a file, or an address of this machine: http://127.0.0.1:…')
  return (await fetch(place)).text()
}

function json(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageError(`${where} is not JSON.`)
  }
}
