import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { run } from './workspace.mjs'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** What installs the browser by hand on Debian. */
export const chromiumCommand = 'apt-get update && apt-get install --yes chromium'

/** The path of a Chromium: `CHROMIUM_PATH`, else the first one found in the PATH, else `undefined`. */
export function findChromium() {
  const wanted = process.env.CHROMIUM_PATH
  if (wanted) return isProgram(wanted) ? wanted : undefined
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isProgram)
}

/** Finds Chromium, or installs Debian's when this is root on Debian; `undefined` when neither works. */
export async function provideChromium() {
  const found = findChromium()
  if (found !== undefined || process.env.CHROMIUM_PATH) return found
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return undefined
  console.log('installing Chromium with apt-get for the browser suite …')
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await run('apt-get', ['update', '-qq'], { env })
  const install = ['install', '--yes', '-qq', '--no-install-recommends', 'chromium']
  const { code, output } = await run('apt-get', install, { env })
  if (code !== 0) console.error(`${output}\napt-get could not install Chromium.`)
  return findChromium()
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
