import { parseArgs } from 'node:util'
import { type EmulatorName, emulatorNames } from '../emulators.ts'

/** What the program was asked for. */
export interface ProgramOptions {
  /** Of the page. 0: any free one. */
  readonly port: number
  readonly only: readonly EmulatorName[]
  readonly tokenSeconds: number | undefined
}

export const usage: string = `npx @latchkey/testing [options]

Starts the emulated providers on 127.0.0.1, with a page that lists their addresses, until Ctrl+C.

  --port <n>            port of the page (4000; 0: any free one)
  --only <names>        these alone, apart by commas: ${emulatorNames.join(', ')}
  --token-seconds <n>   so long access tokens live, to see them be refreshed
  --help                prints this

Any client id, client secret and redirect URI is accepted. An app finds them like this:

  const { spotify: emulated } = await (await fetch('http://127.0.0.1:4000/providers.json')).json()
  latchkey({ providers: [spotify(emulated)] })
`

/**
 * Reads the arguments; `help` when that is asked for.
 * @throws Error that says what is wrong with them
 */
export function programOptions(args: readonly string[]): ProgramOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string', default: '4000' },
      only: { type: 'string' },
      'token-seconds': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  const seconds = values['token-seconds']
  return {
    port: wholeNumber('--port', values.port, 0, 65_535),
    only: values.only === undefined ? emulatorNames : values.only.split(',').map(nameOf),
    tokenSeconds: seconds === undefined ? undefined : wholeNumber('--token-seconds', seconds, 1, 31_536_000),
  }
}

function nameOf(name: string): EmulatorName {
  const known = emulatorNames.find((one) => one === name.trim())
  if (known === undefined)
    throw new Error(`--only: there is no emulator "${name}". There are ${emulatorNames.join(', ')}.`)
  return known
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= least && value <= most && text.trim() !== '') return value
  throw new Error(`${option} must be a whole number from ${least} to ${most}, not "${text}".`)
}
