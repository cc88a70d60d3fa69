import { type ParseArgsConfig, parseArgs } from 'node:util'
import { UsageError } from './failure.ts'

type Options = NonNullable<ParseArgsConfig['options']>

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const list = { type: 'string', multiple: true } as const
const account = {
  profile: text,
  'client-id': text,
  audience: text,
  set: list,
  providers: text,
  folder: text,
} satisfies Options

/** The options of each command, beside `--json` and `--help`. */
const known: Readonly<Record<string, Options>> = {
  login: {
    ...account,
    via: text,
    scope: text,
    port: text,
    'redirect-uri': text,
    user: text,
    force: flag,
    'no-browser': flag,
    timeout: text,
  },
  fetch: { ...account, method: text, header: list, data: text },
  token: { ...account, print: flag, 'min-ttl': text },
  accounts: { folder: text },
  logout: account,
  doctor: { ...account, 'base-url': text, app: text, redis: text },
  keygen: {},
}

/** One call of the program. */
export interface Arguments {
  readonly command: string
  readonly operands: readonly string[]
  readonly isHelp: boolean
  readonly isJson: boolean
  /** The value of an option, where it was given. */
  text(name: string): string | undefined
  flag(name: string): boolean
  list(name: string): readonly string[]
  /** @throws {UsageError} it is no whole number of this range */
  number(name: string, least: number, most: number): number | undefined
}

/** @throws {UsageError} no such command or option */
export function readArguments(argv: readonly string[]): Arguments {
  const [command = 'help', ...rest] = argv
  const options = known[command]
  if (options === undefined) {
    if (['help', '--help', '-h'].includes(command)) return { ...parsed('help', [], {}), isHelp: true }
    throw new UsageError(`There is no command "${command}". There are ${Object.keys(known).join(', ')}.`)
  }
  return parsed(command, rest, options)
}

function parsed(command: string, args: readonly string[], options: Options): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...options, json: flag, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    })
    const all: Readonly<Record<string, unknown>> = values
    const textOf = (name: string): string | undefined => all[name] as string | undefined // as `options` says
    return {
      command,
      operands: positionals,
      isHelp: values.help === true,
      isJson: values.json === true,
      text: textOf,
      flag: (name) => all[name] === true,
      list: (name) => (all[name] as readonly string[] | undefined) ?? [],
      number(name, least, most) {
        const given = textOf(name)
        if (given === undefined) return undefined
        const value = Number(given)
        if (given.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value
        throw new UsageError(`--${name} must be a whole number from ${least} to ${most}, not "${given}".`)
      },
    }
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}
