import { parseArgs } from 'node:util'
import { Failure } from './workspace.mjs'

const mostProcesses = 16

/** What `npm run demo -- --help` prints, and what an option that does not exist is answered with. */
export const demoHelp = `npm run demo -- [options]

  --processes <1-${mostProcesses}>     app processes behind the one address (1); several share a Redis
  --fastify              the app on Fastify (Express)
  --help                 prints this

  PORT                   the port (3000)
  REDIS_URL              keeps everything in this Redis, for example redis://127.0.0.1:6379;
                         without it one process keeps everything in memory, and several get a
                         redis-server of their own
  REDIS_SERVER_PATH      the redis-server to start, if it is not in the PATH
  SPOTIFY_CLIENT_ID, SPOTIFY_CLIENT_SECRET, EXBO_CLIENT_ID, EXBO_CLIENT_SECRET
                         the real providers instead of emulated ones
  LATCHKEY_SECRET        keeps sessions in Redis readable past a restart
  DEMO_TOKEN_SECONDS     seconds that an emulated access token lives (30)`

/** The options of the demo. @throws {Failure} that lists them when one is wrong */
export function readDemoOptions(args) {
  const { processes, fastify, help } = parsed(args)
  const count = Number(processes)
  if (!/^\d+$/.test(processes) || count < 1 || count > mostProcesses) {
    throw new Failure(`--processes takes a whole number from 1 to ${mostProcesses}.\n\n${demoHelp}`)
  }
  return { processes: count, framework: fastify ? 'fastify' : 'express', help }
}

function parsed(args) {
  const options = {
    processes: { type: 'string', default: '1' },
    fastify: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  }
  try {
    return parseArgs({ args, options }).values
  } catch (error) {
    // An npm that is not told `--` keeps the option for itself and passes on what comes after it.
    const lost = args.some((arg) => !arg.startsWith('-')) ? ' Options come after `npm run demo --`.' : ''
    throw new Failure(`${firstSentence(error.message)}${lost}\n\n${demoHelp}`)
  }
}

function firstSentence(message) {
  return `${message.split(/[.\n] ?/)[0]}.`
}
