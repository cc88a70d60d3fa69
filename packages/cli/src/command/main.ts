#!/usr/bin/env node
import { printable, randomId } from '@latchkey/core/terminal'
import { accounts, fetchUrl, login, logout, type Report, token } from './account-commands.ts'
import { type Arguments, readArguments } from './arguments.ts'
import { doctor } from './doctor.ts'
import { exitCodeOf, messageOf } from './failure.ts'
import { commandUsage, usage } from './usage.ts'

const commands: Readonly<Record<string, (args: Arguments) => Promise<Report | undefined>>> = {
  login,
  fetch: fetchUrl,
  token,
  accounts,
  logout,
  doctor,
  keygen: async () => {
    const secret = randomId(256)
    return { json: { secret }, text: secret }
  },
}

async function main(): Promise<void> {
  const argv = process.argv.slice(2)
  const command = argv[0] ?? 'help'
  try {
    const args = readArguments(argv)
    const run = commands[args.command]
    if (args.isHelp || run === undefined) {
      process.stdout.write(commandUsage[args.command] ?? usage)
      return
    }
    const report = await run(args)
    if (report === undefined) return
    process.stdout.write(`${args.isJson ? JSON.stringify(report.json, undefined, 2) : report.text}\n`)
    process.exitCode = report.exitCode ?? 0
  } catch (error) {
    process.stderr.write(`${printable(messageOf(error, command))}\n`)
    process.exitCode = exitCodeOf(error)
    if (process.exitCode === 2) process.stderr.write(`\n${commandUsage[command] ?? usage}`)
  }
}

// A reader that has seen enough, such as `head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
await main()
