import { type ParseArgsConfig, parseArgs } from 'node:util'
import { closestName } from '@latchkey/core/terminal'
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
/** Of every command. */
const common = { json: flag, help: { type: 'boolean', short: 'h' } } satisfies Options

/** What a command takes, beside `--json` and `--help`. */
interface Command {
  readonly options: Options
  /** How many names and addresses may follow it. */
  readonly operands: number
}

const commands: ReadonlyMap<string, Command> = new Map([
  [
    'login',
    {
      operands: 1,
      options: {
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
    },
  ],
  ['fetch', { operands: 2, options: { ...account, method: text, header: list, data: text } }],
  ['token', { operands: 1, options: { ...account, print: flag, 'min-ttl': text } }],
  ['accounts', { operands: 0, options: { folder: text } }],
  ['logout', { operands: 1, options: account }],
  [
    'doctor',
    {
      operands: Number.POSITIVE_INFINITY,
      options: { ...account, 'base-url': text, app: text, redis: text },
    },
  ],
  ['keygen', { operands: 0, options: {} }],
])

/** What people try, and what there is instead. */
const refused: ReadonlyMap<string, string> = new Map([
  [
    'client-secret',
    'is no option, because everybody on the machine can read arguments. Set <PROVIDER>_CLIENT_SECRET, or use --providers.',
  ],
  ['secret', 'is no option, because everybody on the machine can read arguments. Set LATCHKEY_SECRET.'],
])

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

/** @throws {UsageError} no such command or option, or more operands than it takes */
export function readArguments(argv: readonly string[]): Arguments {
  const [first = 'help', ...rest] = argv
  if (['--version', '-v', 'version'].includes(first)) return parsed('version', [], {})
  if (['help', '--help', '-h'].includes(first)) {
    const [about = 'help'] = rest
    if (about !== 'help') commandNamed(about)
    return { ...parsed(about, [], {}), isHelp: true }
  }
  const { options, operands } = commandNamed(first)
  const known = { ...options, ...common }
  for (const argument of rest) requireKnownOption(first, argument, Object.keys(known))
  const args = parsed(first, rest, known)
  const extra = args.operands[operands]
  if (extra !== undefined && !args.isHelp)
    throw new UsageError(`latchkey ${first} takes no "${extra}". ${scopeAdvice(first)}`.trimEnd(), first)
  return args
}

function commandNamed(name: string): Command {
  const command = commands.get(name)
  if (command !== undefined) return command
  const meant = closestName(name, [...commands.keys()])
  const hint = meant === undefined ? '' : ` Did you mean "${meant}"?`
  throw new UsageError(`There is no command "${name}".${hint} There are ${[...commands.keys()].join(', ')}.`)
}

function requireKnownOption(command: string, argument: string, known: readonly string[]): void {
  const name = /^--([^=]+)/.exec(argument)?.[1]
  if (name === undefined || known.includes(name)) return
  const instead = refused.get(name)
  if (instead !== undefined) throw new UsageError(`--${name} ${instead}`, command)
  const meant = closestName(name, known)
  const hint = meant === undefined ? '' : ` Did you mean --${meant}?`
  throw new UsageError(`latchkey ${command} has no option --${name}.${hint}`, command)
}

function scopeAdvice(command: string): string {
  return command === 'login' ? 'Scope is asked for with --scope.' : ''
}

function parsed(command: string, args: readonly string[], options: Options): Arguments {
  const { values, positionals } = parse(command, args, options)
  const textOf = (name: string): string | undefined => values[name] as string | undefined // as `options` says
  return {
    command,
    operands: positionals,
    isHelp: values.help === true,
    isJson: values.json === true,
    text: textOf,
    flag: (name) => values[name] === true,
    list: (name) => (values[name] as readonly string[] | undefined) ?? [],
    number(name, least, most) {
      const given = textOf(name)
      if (given === undefined) return undefined
      const value = Number(given)
      if (given.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value
      throw new UsageError(
        `--${name} must be a whole number from ${least} to ${most}, not "${given}".`,
        command,
      )
    },
  }
}

function parse(
  command: string,
  args: readonly string[],
  options: Options,
): { readonly values: Readonly<Record<string, unknown>>; readonly positionals: readonly string[] } {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new UsageError(misuse(error, command, options), command)
  }
}

/** Node's message, in our words where it is one that people meet. */
function misuse(error: unknown, command: string, options: Options): string {
  const { code, message = String(error) } = error as NodeJS.ErrnoException // parseArgs() throws no other
  const [, short, long] = /'(?:-(\w), )?(--?[\w-]+)/.exec(message) ?? []
  const option = long ?? short ?? ''
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return `latchkey ${command} has no option ${option}.`
  if (code !== 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') return message
  return options[option.replace(/^--/, '')]?.type === 'boolean'
    ? `${option} takes no value.`
    : `${option} wants a value. One that begins with "-" is written ${option}=<value>.`
}
