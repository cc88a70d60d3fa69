#!/usr/bin/env node
import { readFile } from 'node:fs/promises'
import { printable, randomId, replaceUnprintable } from '@latchkey/core/terminal'
import { accounts, login, logout, type Report, token } from './account-commands.ts'
import { type Arguments, readArguments } from './arguments.ts'
import { doctor } from './doctor.ts'
import { type Call, exitCodeOf, messageOf, UsageError } from './failure.ts'
import { fetchUrl } from './fetch-url.ts'
import { commandUsage, usage } from './usage.ts'

const commands: ReadonlyMap<string, (args: Arguments) => Promise<Report | undefined>> = new Map([
  ['login', login],
  ['fetch', fetchUrl],
  ['token', token],
  ['accounts', accounts],
  ['logout', logout],
  ['doctor', doctor],
  ['keygen', async () => keygen()],
  ['version', version],
])

function keygen(): Report {
  const secret = randomId(256)
  return { json: { secret }, text: secret }
}

async function version(): Promise<Report> {
  const manifest = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  const { version } = JSON.parse(manifest) as { readonly version: string } // our own
  return { json: { version }, text: version }
}

async function main(): Promise<void> {
  const argv = process.argv.slice(2)
  let call: Call = { command: argv[0] ?? 'help' }
  try {
    const args = readArguments(argv)
    call = { command: args.command, provider: args.operands[0], profile: args.text('profile') }
    const run = commands.get(args.command)
    if (args.isHelp || run === undefined) {
      process.stdout.write(commandUsage.get(args.command) ?? usage)
      return
    }
    const report = await run(args)
    if (report === undefined) return
    process.exitCode = report.exitCode ?? 0
    process.stdout.write(`${args.isJson ? jsonText(report.json) : report.text}\n`)
  } catch (error) {
    process.stderr.write(`${printable(messageOf(error, call))}\n`)
    process.exitCode = exitCodeOf(error)
    if (error instanceof UsageError) process.stderr.write(`${moreHelp(error)}\n`)
  }
}

function moreHelp({ command }: UsageError): string {
  return `latchkey ${command === undefined ? '' : `${command} `}--help says more.`
}

/** Escapes what JSON leaves as it is, and what could drive a terminal or turn its text around. */
function jsonText(value: unknown): string {
  return replaceUnprintable(JSON.stringify(value, undefined, 2), (character) =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function onStdoutError({ code }: NodeJS.ErrnoException): void {
  // A reader that has seen enough, such as `head`, is no failure.
  if (code === 'EPIPE') process.exit()
  process.stderr.write(`stdout cannot be written (${code}).\n`)
  process.exit(1)
}

process.stdout.on('error', onStdoutError)
// Nobody can be told; the exit code says how it went.
process.stderr.on('error', () => {})
await main()
