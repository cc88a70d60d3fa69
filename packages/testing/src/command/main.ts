#!/usr/bin/env node
import { TestClock } from '../clock.ts'
import { type Emulators, startEmulators } from '../emulators.ts'
import { EmulatorServer } from '../http/emulator-server.ts'
import { html, json } from '../http/reply.ts'
import { type CommandOptions, HELP, readOptions, WrongOption } from './options.ts'
import { overviewsOf } from './overview.ts'
import { overviewPage } from './overview-page.ts'
import { overviewText } from './overview-text.ts'

/** Starts the emulators and the page, prints where they are, and ends everything at the first signal. */
async function run({ port, only }: CommandOptions): Promise<void> {
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  const emulators = await startEmulators({
    ...(only === undefined ? {} : { only }),
    ...(port === undefined ? {} : { firstPort: port + 1 }),
  })
  try {
    const page = await servePage(emulators, port)
    await interrupted
    await page.close()
  } finally {
    await emulators.close()
  }
}

async function servePage(
  emulators: Partial<Emulators>,
  port: number | undefined,
): Promise<EmulatorServer<'page'>> {
  const overviews = overviewsOf(emulators)
  const presets = Object.fromEntries(overviews.map(({ id, options }) => [id, options]))
  const page = new EmulatorServer({
    routes: [
      { endpoint: 'page', methods: ['GET'], path: '/', handle: () => html(200, overviewPage(overviews)) },
      { endpoint: 'page', methods: ['GET'], path: '/providers.json', handle: () => json(200, presets) },
    ],
    clock: new TestClock(),
  })
  await page.listen(port)
  console.log(overviewText(overviews, `${page.origin}/`))
  return page
}

/** What the person at the terminal can do something about; everything else is a defect, and shows its stack. */
function sentenceOf(error: unknown): string | undefined {
  if (error instanceof WrongOption) return `${error.message}\n\n${HELP}`
  const { code, port } = error as { readonly code?: string; readonly port?: number } // of a system error
  if (code === 'EADDRINUSE') return `Port ${port} is taken. Choose another with --port.`
  return code === 'EACCES'
    ? `Port ${port} is not for everybody. Choose one from 1024 up with --port.`
    : undefined
}

try {
  const options = readOptions(process.argv.slice(2))
  if (options.help) console.log(HELP)
  else await run(options)
} catch (error) {
  const sentence = sentenceOf(error)
  if (sentence === undefined) throw error
  console.error(sentence)
  process.exitCode = 1
}
