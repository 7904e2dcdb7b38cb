/** What encodings are compared on: prose, lists, code, JSON, figures, other languages and a dialogue, written for this purpose. */
export const tuneText: string = `The mill stands where the river bends, and for two hundred years its wheel has turned with the water. In spring the
race runs high and fast; in August the miller waits for evening, when the gates upstream are opened. A visitor once asked him why he did not
buy an engine. "An engine," he said, "would grind as fast in August as in May, but it would not tell me what month it is."
Three things decide how much flour leaves the mill in a day: how much water comes down the race, how the stones are dressed, and whether
somebody keeps the hopper full. The first cannot be changed, the second takes a week, and the third takes a boy with a shovel.

Steps to dress a millstone:
1. Lift the runner stone and turn it over.
2. Mark the furrows with red chalk.
3. Cut from the eye to the edge.
4. Clean the face with a stiff brush.
5. Lower the runner and set the gap to the thickness of brown paper.

function grind(sacks) {
  let flourKg = 0;
  for (const sack of sacks) {
    if (sack.isWet) continue;
    flourKg += sack.weightKg * 0.92;
  }
  return flourKg;
}

{"mill": "Lower Bend", "stones": 2, "wheel": {"kind": "breastshot", "diameterMetres": 4.2}, "open": true, "days": ["Mon", "Tue", "Fri"]}

If the wheel turns 8 times a minute and the gear is 15 to 1, the stone turns 8 × 15 = 120 times a minute. In an hour that is 7,200 turns.

Teacher: Why does a water wheel turn?
Student: Because the water in its buckets is heavier than the air on the other side.
Teacher: Good. And where does the power go when no grain is in the hopper?
Student: Into the stones, which wear out, and into the noise.
Teacher: Then what should a careful miller do at night?
Student: Close the gate, and let the river keep its strength for the morning.

Die Mühle am Bach gehört seit vier Generationen derselben Familie. Le meunier se lève tôt, car l'eau n'attend pas. El río baja lleno en abril.

In short: water is free but never on time, stone is patient, and the only part of a mill that can be hurried is the miller.`;
