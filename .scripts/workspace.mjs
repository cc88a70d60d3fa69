import { spawn } from 'node:child_process'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's top folder, whatever the current directory is. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** A failure with a message for the person at the terminal: printed as it is, without a stack. */
export class Failure extends Error {}

/** The path of a tool that the workspace has installed. */
export function tool(name) {
  return join(root, 'node_modules', '.bin', name)
}

/** True when this machine's Node runs Latchkey (22.19 or later). */
export function machineNodeFits(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number)
  return major > 22 || (major === 22 && minor >= 19)
}

/** The Node that runs everything: the machine's own, or the one that the workspace brings along. */
export function nodeBinary() {
  return machineNodeFits() ? process.execPath : tool('node')
}

/** The environment of everything that the scripts start: no telemetry, and the right Node first in the PATH. */
export function environment(extra = {}) {
  const path = process.env.PATH ?? ''
  const first = machineNodeFits() ? dirname(process.execPath) : join(root, 'node_modules', '.bin')
  return {
    ...process.env,
    PATH: first + delimiter + path,
    TURBO_TELEMETRY_DISABLED: '1',
    TURBO_NO_UPDATE_NOTIFIER: '1',
    DO_NOT_TRACK: '1',
    npm_config_update_notifier: 'false',
    npm_config_prefer_offline: 'true',
    npm_config_fetch_retries: '1',
    ...extra,
  }
}

/**
 * Runs a program in the top folder and resolves to its exit code and output.
 * `show` also passes the output on to the terminal while it runs.
 */
export function run(command, args, { env = environment(), show = false, cwd = root } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const [stream, terminal] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      stream.setEncoding('utf8')
      stream.on('data', (text) => {
        output += text
        if (show) terminal.write(text)
      })
    }
    child.on('error', (error) => resolve({ code: 127, output: `${output}${error.message}\n` }))
    child.on('close', (code, signal) => {
      resolve({ code: code ?? 1, output: signal ? `${output}ended by ${signal}\n` : output })
    })
  })
}

/** Prints a {@link Failure} plainly, anything else with its stack; the process ends with code 1. */
export function fail(error) {
  console.error(error instanceof Failure ? `\n${error.message}` : error)
  process.exitCode = 1
}
