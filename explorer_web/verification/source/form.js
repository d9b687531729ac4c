/** A form that takes a bundle: chosen, dropped or pasted. */

import { readFile } from './bundles.js';

/** Let a form give its bundles to a panel. */
export function attachForm(form, panel) {
  const part = (name) => form.querySelector(`[data-part="${name}"]`);
  const drop = part('drop');
  const file = part('file');
  const checkChosen = () => {
    const [chosen] = file.files;
    if (chosen !== undefined) panel.check(() => readFile(chosen));
    return chosen !== undefined;
  };
  file.addEventListener('change', checkChosen);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const text = part('paste').value;
    if (text.trim() !== '') panel.check(async () => text);
    else if (!checkChosen()) file.focus();
  });
  for (const name of ['dragenter', 'dragover']) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add('over');
    });
  }
  drop.addEventListener('dragleave', () => drop.classList.remove('over'));
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    file.files = event.dataTransfer.files;
    checkChosen();
  });
  checkChosen(); // Chosen before this script was there.
}
