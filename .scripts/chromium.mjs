import { findProgram, installCommand, installOnDebian } from './programs.mjs'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** What installs the browser by hand on Debian. */
export const chromiumCommand = installCommand('chromium')

/** The path of a Chromium: `CHROMIUM_PATH`, else the first one found in the PATH, else `undefined`. */
export function findChromium() {
  return findProgram(names, process.env.CHROMIUM_PATH)
}

/** Finds Chromium, or installs Debian's when this is root on Debian; `undefined` when neither works. */
export async function provideChromium() {
  const found = findChromium()
  if (found !== undefined || process.env.CHROMIUM_PATH) return found
  await installOnDebian('chromium', 'the browser suite')
  return findChromium()
}
