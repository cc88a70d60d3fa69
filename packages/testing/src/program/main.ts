#!/usr/bin/env node
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startAuth0, startBitfount } from '../auth0/auth0.ts'
import type { AuthorizationServer } from '../authorization-server/server.ts'
import type { EmulatorName } from '../emulators.ts'
import { startExbo } from '../exbo/exbo.ts'
import { type NadeoEmulator, startNadeo } from '../nadeo/nadeo.ts'
import { startSpotify } from '../spotify/spotify.ts'
import { startTrackmania } from '../trackmania/trackmania.ts'
import { type ProgramOptions, programOptions, usage } from './options.ts'
import { addressPage, type ShownEmulator } from './page.ts'

/** What the program needs of each emulator. */
type Running = Pick<NadeoEmulator, 'origins' | 'environment' | 'close'> & {
  readonly presetOverrides: object
  readonly domain?: string
  readonly audience?: string
}

const titles: Readonly<Record<EmulatorName, string>> = {
  spotify: 'Spotify',
  exbo: 'EXBO',
  nadeo: 'Nadeo',
  trackmania: 'Trackmania',
  auth0: 'Auth0',
  bitfount: 'Bitfount',
}

async function main(): Promise<void> {
  const options = readOptions()
  const entries = await Promise.all(
    options.only.map(async (name) => [name, await started(name, options.tokenSeconds)] as const),
  )
  const shown = entries.map(([name, emulator]): ShownEmulator => {
    const { origins, environment } = emulator
    return { name, title: titles[name], origins, environment, people: peopleOf(emulator) }
  })
  const overrides = Object.fromEntries(entries.map(([name, emulator]) => [name, overridesOf(emulator)]))
  const server = createServer((req, res) => {
    if (req.url === '/providers.json') {
      res.setHeader('content-type', 'application/json')
      res.end(JSON.stringify(overrides, undefined, 2))
    } else if (req.url === '/') {
      res.setHeader('content-type', 'text/html; charset=utf-8')
      res.setHeader('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
      res.end(addressPage(shown, origin))
    } else {
      res.statusCode = 404
      res.end('Not Found')
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, '127.0.0.1', resolve)
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // it listens on TCP
  for (const { title, origins } of shown) {
    for (const [real, local] of Object.entries(origins))
      console.log(`${title.padEnd(11)} ${local}  for ${real}`)
  }
  console.log(`\nReady: ${origin}`)
  const stop = (): void => {
    server.close()
    server.closeAllConnections()
    for (const [, emulator] of entries) void emulator.close()
  }
  process.once('SIGINT', stop).once('SIGTERM', stop)
}

function readOptions(): ProgramOptions {
  try {
    const options = programOptions(process.argv.slice(2))
    if (options !== 'help') return options
    console.log(usage)
    return process.exit(0)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    return process.exit(2)
  }
}

function started(name: EmulatorName, tokenSeconds: number | undefined): Promise<Running> {
  const policy = {
    acceptsAnyClient: true,
    ...(tokenSeconds === undefined ? {} : { accessTokenLifetimeSeconds: tokenSeconds }),
  }
  const starters: Readonly<Record<EmulatorName, () => Promise<Running>>> = {
    spotify: () => startSpotify({ policy }),
    exbo: () => startExbo({ policy }),
    nadeo: () => startNadeo(),
    trackmania: () => startTrackmania({ policy }),
    auth0: () => startAuth0({ policy }),
    bitfount: () => startBitfount({ policy }),
  }
  return starters[name]()
}

/** The preset's options; `auth0()` wants its domain and the API beside the addresses. */
function overridesOf({ presetOverrides, domain, audience }: Running): object {
  return domain === undefined || audience === undefined || domain === 'auth.bitfount.com'
    ? presetOverrides
    : { domain, audience, ...presetOverrides }
}

function peopleOf(emulator: Running): readonly string[] {
  const { as, accounts } = emulator as {
    readonly as?: AuthorizationServer
    readonly accounts?: NadeoEmulator['accounts']
  }
  return as?.users.map(({ name }) => name) ?? accounts?.map(({ login }) => login) ?? []
}

main().catch((error: unknown) => {
  const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
  console.error(isTaken ? 'The port of the page is taken. Choose another: --port 4001, or 0 for any.' : error)
  process.exit(1)
})
