import { parseArgs } from 'node:util'
import { type EmulatorName, emulatorNames } from '../emulators.ts'

/** What `npx @latchkey/testing` was asked for. */
export interface CommandOptions {
  /** Of the page; the emulators listen on the ports after it. Absent: any free ports. */
  readonly port?: number
  /** Absent: all. */
  readonly only?: readonly EmulatorName[]
  readonly help: boolean
}

/** What was asked for cannot be done. The message is for the person at the terminal. */
export class WrongOption extends Error {}

/** The page, and so many servers after it. */
const PORTS = 15

/** What `--help` prints. */
export const HELP: string = `npx @latchkey/testing [options]

  --port <number>   the page on this port and the emulators on the ${PORTS - 1} after it (any free ones)
  --only <names>    these emulators, apart by commas (all: ${emulatorNames.join(', ')})
  --help            prints this

Starts emulated providers on 127.0.0.1 until Ctrl-C, with a page that shows how an app finds them.
Every client id, secret and redirect URI is accepted. Nothing is kept.`

/**
 * Reads the arguments of the command.
 *
 * @throws {WrongOption} that names what is wrong
 */
export function readOptions(args: readonly string[]): CommandOptions {
  const { port, only, help } = parsed(args)
  return {
    help,
    ...(port === undefined ? {} : { port: portOf(port) }),
    ...(only === undefined ? {} : { only: only.split(',').map(nameOf) }),
  }
}

function parsed(args: readonly string[]) {
  const options = {
    port: { type: 'string' },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  } as const
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    const [sentence = ''] = (error as Error).message.split(/[.\n] ?/) // parseArgs throws nothing else
    throw new WrongOption(`${sentence}.`)
  }
}

function portOf(text: string): number {
  const last = 65_536 - PORTS
  const port = Number(text)
  if (/^\d+$/.test(text) && port >= 1 && port <= last) return port
  throw new WrongOption(`--port takes a number from 1 to ${last}.`)
}

function nameOf(text: string): EmulatorName {
  const name = emulatorNames.find((one) => one === text.trim())
  if (name !== undefined) return name
  throw new WrongOption(`There is no emulator "${text}"; there are ${emulatorNames.join(', ')}.`)
}
