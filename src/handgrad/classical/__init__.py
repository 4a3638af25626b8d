"""Models that are no networks: frozen hyper-parameters, from which scikit-learn's estimators are made."""

from handgrad.classical.fit import Estimate, Fitted, Stage, check_labels, estimate, fit, scores
from handgrad.classical.knn import KNN
from handgrad.classical.logistic import Logistic
from handgrad.classical.model import ClassicalModel
from handgrad.classical.random_forest import RandomForest
from handgrad.classical.svm import SVM, LinearSVM

CLASSICAL: dict[str, type[ClassicalModel]] = {
    "svm": SVM,
    "linear_svm": LinearSVM,
    "logistic": Logistic,
    "knn": KNN,
    "random_forest": RandomForest,
}
